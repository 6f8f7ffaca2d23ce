/** Places that the engine has: asking the kernel for one of them costs more, and it knows nothing of those without a socket. */
import { type Address, sameAddress } from "../../lib/ip.ts";
import { isAny, type Place } from "./hold.ts";
import { PROTOCOL_NUMBERS } from "./protocols.ts";
import type { Protocol } from "./types.ts";

/** One number for a port of a protocol. */
export const portKey = (protocol: Protocol, port: number): number =>
  PROTOCOL_NUMBERS[protocol] * 0x10000 + port;

/** As the kernel has it for sockets: the address for all meets every one of its family. */
const meet = (a: Address, b: Address): boolean =>
  a.family === b.family && (isAny(a) || isAny(b) || sameAddress(a, b));

export class Places {
  readonly #byPort = new Map<number, readonly Place[]>();

  /** Whether one is there that this can't stand beside. */
  meet({ protocol, port, addresses }: Place): boolean {
    const others = this.#byPort.get(portKey(protocol, port)) ?? [];
    return others.some((other) => addresses.some((a) => other.addresses.some((b) => meet(a, b))));
  }

  add(place: Place): void {
    const key = portKey(place.protocol, place.port);
    this.#byPort.set(key, [...(this.#byPort.get(key) ?? []), place]);
  }

  delete(place: Place): void {
    const key = portKey(place.protocol, place.port);
    const left = (this.#byPort.get(key) ?? []).filter((other) => other !== place);
    if (left.length > 0) this.#byPort.set(key, left);
    else this.#byPort.delete(key);
  }
}
