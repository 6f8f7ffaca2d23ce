/** What rules ask of a packet's headers, read out of its bytes. */
import { addressFromBytes, type Family } from "../../../lib/ip.ts";
import { ETHERTYPE } from "../../../lib/protocols.ts";
import { viewOf } from "../../../linux/bytes.ts";
import { linkAt } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import { withBytes } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";

export const familyOf = (packet: Packet): Family => (packet.etherType === ETHERTYPE.ip6 ? 6 : 4);

const AT = {
  4: { source: 12, destination: 16, size: 4 },
  6: { source: 8, destination: 24, size: 16 },
} as const;

/** A view of the address's bytes; of a packet that is cut off, fewer than there should be. */
export function addressOf(packet: Packet, which: "source" | "destination"): Uint8Array {
  const family = familyOf(packet);
  const at = packet.network + AT[family][which];
  return packet.bytes.subarray(at, at + AT[family].size);
}

export function addressBits(packet: Packet, which: "source" | "destination"): bigint {
  const bytes = addressOf(packet, which);
  return bytes.length === AT[familyOf(packet)].size ? addressFromBytes(bytes).bits : 0n;
}

/** In units of eight bytes: 0 for what is not fragmented, and for a first fragment. */
export function fragmentOffset(packet: Packet): number {
  if (familyOf(packet) === 4) return (number16(packet, packet.network + 6) ?? 0) & 0x1fff;
  // `transport` is undefined for fragments but the first; how far this one is in, nobody asks.
  return packet.transport === undefined ? 1 : 0;
}

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

/** TCP's, UDP's and their like; undefined where there are none to be seen. */
export function portsOf(packet: Packet): Ports | undefined {
  const { transport } = packet;
  if (transport === undefined) return undefined;
  const source = number16(packet, transport);
  const destination = number16(packet, transport + 2);
  return source === undefined || destination === undefined ? undefined : { source, destination };
}

/** In network order; undefined past the end. */
const number16 = ({ bytes }: Packet, at: number): number | undefined =>
  at + 2 <= bytes.length ? viewOf(bytes).getUint16(at) : undefined;

/** Bytes from the network header on, as it says itself. */
export function lengthOf(packet: Packet): number {
  const said = number16(packet, packet.network + (familyOf(packet) === 4 ? 2 : 4)) ?? 0;
  return familyOf(packet) === 4 ? said : said + 40;
}

/** The TOS byte, or traffic class. */
export function tosOf(packet: Packet): number {
  const { bytes, network } = packet;
  if (familyOf(packet) === 4) return bytes[network + 1] ?? 0;
  return ((number16(packet, network) ?? 0) >> 4) & 0xff;
}

export function withTos(packet: Packet, tos: number): Packet {
  const { network, bytes } = packet;
  if (familyOf(packet) === 4) return withBytes(packet, network + 1, [tos]);
  const [first = 0, second = 0] = bytes.subarray(network, network + 2);
  return withBytes(packet, network, [(first & 0xf0) | (tos >> 4), ((tos & 0xf) << 4) | (second & 0xf)]);
}

/** A link's name; "" where there is none, as rules see it. */
export const linkName = (namespace: Namespace, ifindex: number | undefined): string =>
  linkAt(namespace, ifindex)?.name ?? "";

/** `eth0`, or `eth+` for all that begin so. */
export const fitsPattern = (pattern: string, name: string): boolean =>
  pattern.endsWith("+") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
