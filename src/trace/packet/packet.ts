/** A packet's fields, read and changed. A change gives another packet; checksums are not kept correct. */
import {
  type Address,
  addressBytes,
  addressFromBytes,
  type Family,
  type Mac,
  macBytes,
  macFromBytes,
} from "../../lib/ip.ts";
import { ETHERTYPE, PROTOCOL } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import { be16, concat } from "./network-order.ts";
import { parseFrame } from "./parse.ts";
import type { Packet } from "./types.ts";

const ETHERNET_HEADER = 14;

/** Undefined for what is not IP. */
export const familyOf = ({ etherType }: Packet): Family | undefined =>
  etherType === ETHERTYPE.ip ? 4 : etherType === ETHERTYPE.ip6 ? 6 : undefined;

/** From the network header on, in bytes: what an MTU limits. */
export const lengthOf = ({ bytes, network }: Packet): number => bytes.length - network;

/** Where addresses lie behind the network header, and the TTL: RFC 791, RFC 8200, RFC 826 (of IPv4 over Ethernet). */
const PLACES: Readonly<
  Record<number, { source: number; destination: number; length: number; ttl?: number }>
> = {
  [ETHERTYPE.ip]: { source: 12, destination: 16, length: 4, ttl: 8 },
  [ETHERTYPE.ip6]: { source: 8, destination: 24, length: 16, ttl: 7 },
  [ETHERTYPE.arp]: { source: 14, destination: 24, length: 4 },
};

export type Side = "source" | "destination";

/** Of ARP the addresses of protocol: the sender's and the target's. Undefined for what is neither IP nor ARP. */
export function addressOf(packet: Packet, side: Side): Address | undefined {
  const bytes = addressBytesOf(packet, side);
  return bytes && addressFromBytes(bytes);
}

/** As `addressOf`, as a view of the packet. */
export function addressBytesOf({ bytes, network, etherType }: Packet, side: Side): Uint8Array | undefined {
  const place = PLACES[etherType];
  if (!place) return undefined;
  const at = network + place[side];
  return at + place.length > bytes.length ? undefined : bytes.subarray(at, at + place.length);
}

/** Of TCP, UDP and their like. */
export function portOf(packet: Packet, side: Side): number | undefined {
  const { bytes, transport, protocol } = packet;
  if (transport === undefined || !hasPorts(protocol) || bytes.length < transport + 4) return undefined;
  return viewOf(bytes).getUint16(transport + (side === "source" ? 0 : 2));
}

const UDP_LITE = 136;
const DCCP = 33;
const WITH_PORTS: ReadonlySet<number | undefined> = new Set([
  PROTOCOL.tcp,
  PROTOCOL.udp,
  UDP_LITE,
  DCCP,
  PROTOCOL.sctp,
]);
const hasPorts = (protocol: number | undefined): boolean => WITH_PORTS.has(protocol);

/** Type and code of ICMP of either family. */
export function icmpOf({ bytes, transport, protocol }: Packet): { type: number; code: number } | undefined {
  if (protocol !== PROTOCOL.icmp && protocol !== PROTOCOL.icmp6) return undefined;
  if (transport === undefined || bytes.length < transport + 2) return undefined;
  return { type: bytes[transport] ?? 0, code: bytes[transport + 1] ?? 0 };
}

/** The identifier of an echo. */
export function echoIdentifierOf(packet: Packet): number | undefined {
  const icmp = icmpOf(packet);
  const echo = packet.protocol === PROTOCOL.icmp ? [0, 8] : [128, 129];
  if (!icmp || packet.transport === undefined || !echo.includes(icmp.type)) return undefined;
  return packet.bytes.length < packet.transport + 6
    ? undefined
    : viewOf(packet.bytes).getUint16(packet.transport + 4);
}

export function ttlOf({ bytes, network, etherType }: Packet): number | undefined {
  const at = PLACES[etherType]?.ttl;
  return at === undefined ? undefined : bytes[network + at];
}

/** TCP's flags, RFC 9293: 1 FIN, 2 SYN, 4 RST, 16 ACK. */
export const tcpFlagsOf = ({ bytes, transport, protocol }: Packet): number | undefined =>
  protocol === PROTOCOL.tcp && transport !== undefined ? bytes[transport + 13] : undefined;

export function macOfPacket({ bytes, network }: Packet, side: Side): Mac | undefined {
  if (network < ETHERNET_HEADER) return undefined;
  const at = side === "source" ? 6 : 0;
  return macFromBytes(bytes.subarray(at, at + 6));
}

/** Bytes written over at an offset of the frame. What does not fit is left out. */
export function withBytes(packet: Packet, at: number, value: Uint8Array | readonly number[]): Packet {
  const bytes = packet.bytes.slice();
  for (const [index, byte] of value.entries()) if (at + index < bytes.length) bytes[at + index] = byte;
  return { ...packet, bytes };
}

/** @throws RangeError for an address of another family, and for what has no addresses */
export function withAddress(packet: Packet, side: Side, address: Address | Uint8Array): Packet {
  const place = PLACES[packet.etherType];
  const bytes = address instanceof Uint8Array ? address : addressBytes(address);
  if (!place || bytes.length !== place.length)
    throw new RangeError("an address of another family than the packet's");
  return withBytes(packet, packet.network + place[side], bytes);
}

/** The packet itself where it has no ports. */
export function withPort(packet: Packet, side: Side, port: number): Packet {
  if (packet.transport === undefined || !hasPorts(packet.protocol)) return packet;
  return withBytes(packet, packet.transport + (side === "source" ? 0 : 2), be16(port));
}

/** The identifier of an echo: what source translation changes of ICMP. The packet itself where it is no echo. */
export function withEchoIdentifier(packet: Packet, identifier: number): Packet {
  if (packet.transport === undefined || echoIdentifierOf(packet) === undefined) return packet;
  return withBytes(packet, packet.transport + 4, be16(identifier));
}

export function withTtl(packet: Packet, ttl: number): Packet {
  const at = PLACES[packet.etherType]?.ttl;
  return at === undefined ? packet : withBytes(packet, packet.network + at, [ttl]);
}

export const withMark = (packet: Packet, mark: number): Packet => ({ ...packet, mark: mark >>> 0 });

export const withPriority = (packet: Packet, priority: number): Packet => ({
  ...packet,
  priority: priority >>> 0,
});

/** As it leaves by an Ethernet link: with this header, in place of the one that it has, if any. */
export function withEthernet(packet: Packet, source: Mac, destination: Mac): Packet {
  const header = concat(macBytes(destination), macBytes(source), be16(packet.etherType));
  const framed = parseFrame(concat(header, packet.bytes.subarray(packet.network)), packet);
  return framed ?? packet;
}

/** As it leaves by a link without a link-layer header. */
export function withoutEthernet(packet: Packet): Packet {
  const { bytes, network, transport } = packet;
  return {
    ...packet,
    bytes: bytes.slice(network),
    network: 0,
    ...(transport !== undefined && { transport: transport - network }),
  };
}
