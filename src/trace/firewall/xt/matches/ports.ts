/** What xt_tcpudp's matches have in common: ranges of ports. */
import type { Packet } from "../../../packet/types.ts";
import { familyOf, fragmentOffset, type Ports, portsOf } from "../look.ts";
import type { Options } from "../options.ts";
import { option, range } from "../words.ts";

export type PortRange = readonly [number, number];

const ANY_PORT: PortRange = [0, 0xffff];

const isAny = ([low, high]: PortRange): boolean => low === 0 && high === 0xffff;

export const within = (port: number, [low, high]: readonly number[]): boolean =>
  port >= (low ?? 0) && port <= (high ?? 0xffff);

/** As `array(u16, 2)` has it. */
export const portRange = ([low = 0, high = 0xffff]: readonly number[]): PortRange => [low, high];

/** Both ports of a packet; undefined for fragments but the first, which have none to be seen. */
export const portsIn = (packet: Packet): Ports | undefined =>
  fragmentOffset(packet) > 0 && familyOf(packet) === 4 ? undefined : portsOf(packet);

export const portWords = (name: string, ports: PortRange, not: boolean): string[] =>
  isAny(ports) && !not ? [] : option(name, not, range(...ports));

export function takePorts(options: Options, ...names: readonly string[]): { ports: PortRange; not: boolean } {
  const given = options.take(...names);
  if (!given) return { ports: ANY_PORT, not: false };
  const [low, high] = options.range(options.valueOf(given));
  return { ports: low <= high ? [low, high] : [high, low], not: given.not };
}
