/** By what a connection is known: struct nf_conntrack_tuple, nf_ct_get_tuple, nf_ct_invert_tuple. */
import { type Address, addressBytes, type Family, sameAddress } from "../../../lib/ip.ts";
import { PROTOCOL } from "../../../lib/protocols.ts";
import type { Tuple as ObservedTuple } from "../../../observe/types.ts";
import type { ConnectionTuple } from "../../firewall/types.ts";
import { addressOf, echoIdentifierOf, familyOf, icmpOf, portOf } from "../../packet/packet.ts";
import { parseBare } from "../../packet/parse.ts";
import type { Packet } from "../../packet/types.ts";

export interface Tuple {
  readonly family: Family;
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  /** Of ICMP the identifier. */
  readonly sourcePort: number;
  /** Of ICMP type × 256 + code. */
  readonly destinationPort: number;
}

/** Undefined for what has no tuple: ARP, and fragments but the first. */
export function tupleOf(packet: Packet): Tuple | undefined {
  const family = familyOf(packet);
  const source = addressOf(packet, "source");
  const destination = addressOf(packet, "destination");
  const { protocol } = packet;
  if (!family || !source || !destination || protocol === undefined || packet.transport === undefined)
    return undefined;
  const icmp = icmpOf(packet);
  return {
    family,
    protocol,
    source,
    destination,
    sourcePort: icmp ? (echoIdentifierOf(packet) ?? 0) : (portOf(packet, "source") ?? 0),
    destinationPort: icmp ? icmp.type * 256 + icmp.code : (portOf(packet, "destination") ?? 0),
  };
}

/** invmap of nf_conntrack_proto_icmp.c and …icmpv6.c: what is asked by one type and answered by the other. */
const ANSWERS: Readonly<Record<number, ReadonlyMap<number, number>>> = {
  [PROTOCOL.icmp]: new Map([
    [8, 0],
    [0, 8],
    [13, 14],
    [14, 13],
  ]),
  [PROTOCOL.icmp6]: new Map([
    [128, 129],
    [129, 128],
  ]),
};

export function inverse(tuple: Tuple): Tuple {
  const { source, destination, sourcePort, destinationPort } = tuple;
  const turned = { ...tuple, source: destination, destination: source };
  const answers = ANSWERS[tuple.protocol];
  if (!answers) return { ...turned, sourcePort: destinationPort, destinationPort: sourcePort };
  const type = answers.get(destinationPort >> 8) ?? destinationPort >> 8;
  return { ...turned, destinationPort: type * 256 + (destinationPort & 255) };
}

export const sameTuple = (a: Tuple, b: Tuple): boolean =>
  a.protocol === b.protocol &&
  a.sourcePort === b.sourcePort &&
  a.destinationPort === b.destinationPort &&
  sameAddress(a.source, b.source) &&
  sameAddress(a.destination, b.destination);

/** ICMP that tells of another packet: types 3, 4, 5, 11, 12 of IPv4, all below 128 of IPv6. */
export function isError(packet: Packet): boolean {
  const icmp = icmpOf(packet);
  if (!icmp) return false;
  return packet.protocol === PROTOCOL.icmp6 ? icmp.type < 128 : [3, 4, 5, 11, 12].includes(icmp.type);
}

const ICMP_HEADER = 8;

/** The packet that an error is about, as much as it quotes; and where in the frame it lies. */
export function quoted(packet: Packet): { readonly packet: Packet; readonly at: number } | undefined {
  if (!isError(packet) || packet.transport === undefined) return undefined;
  const at = packet.transport + ICMP_HEADER;
  const inner = parseBare(packet.bytes.subarray(at));
  return inner && { packet: inner, at };
}

/** Neighbour discovery and multicast listener reports: never tracked, nf_conntrack_proto_icmpv6.c. */
export function isNeverTracked(packet: Packet): boolean {
  const type = packet.protocol === PROTOCOL.icmp6 ? icmpOf(packet)?.type : undefined;
  return type !== undefined && ((type >= 130 && type <= 137) || type === 143);
}

export const fromObserved = (tuple: ObservedTuple, family: Family, protocol: number): Tuple => ({
  ...tuple,
  family,
  protocol,
});

export const forRules = (tuple: Tuple): ConnectionTuple => ({
  ...tuple,
  source: addressBytes(tuple.source),
  destination: addressBytes(tuple.destination),
});
