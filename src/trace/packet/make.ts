/** Packets made: what a probe sends, what a kernel answers, and what asks for a neighbour. */
import { checksum, transportChecksum } from "../../lib/checksum.ts";
import { type Address, addressBytes, type Family, type Mac, macBytes } from "../../lib/ip.ts";
import { ETHERTYPE, PROTOCOL } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import { be16, be32, concat } from "./network-order.ts";
import { parseBare, parseFrame } from "./parse.ts";
import type { Packet } from "./types.ts";

/** What an IP packet carries. `data` follows the header. */
export type Carried =
  /** ICMP of the packet's family, RFC 792 and RFC 4443. */
  | {
      readonly kind: "echo-request" | "echo-reply";
      readonly identifier: number;
      readonly sequence: number;
      readonly data?: Uint8Array;
    }
  /** About another packet: type and code of the family's ICMP; `rest` is the word before its copy, as the MTU. */
  | {
      readonly kind: "icmp-error";
      readonly type: number;
      readonly code: number;
      readonly rest?: number;
      readonly about: Packet;
    }
  | {
      readonly kind: "tcp";
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly flags: TcpFlags;
      readonly sequence?: number;
      readonly acknowledgement?: number;
      readonly data?: Uint8Array;
    }
  | {
      readonly kind: "udp";
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly data?: Uint8Array;
    }
  /** RFC 4861: with the option of the sender's, or the target's, link-layer address. */
  | { readonly kind: "neighbour-solicitation"; readonly target: Address; readonly mac?: Mac }
  | {
      readonly kind: "neighbour-advertisement";
      readonly target: Address;
      readonly mac: Mac;
      readonly solicited: boolean;
    };

export type TcpFlags = "syn" | "syn-ack" | "ack" | "rst" | "rst-ack" | "fin-ack";

export interface PacketSpec {
  readonly source: Address;
  readonly destination: Address;
  readonly carries: Carried;
  /** Without it, as a link without such a header has it. */
  readonly ethernet?: { readonly source: Mac; readonly destination: Mac };
  /** 64; of neighbour discovery 255. */
  readonly ttl?: number;
  readonly tos?: number;
  readonly dontFragment?: boolean;
  readonly mark?: number;
  readonly priority?: number;
}

/** RFC 826. The hardware addresses are the frame's own where they are not given. */
export interface ArpSpec {
  readonly operation: "request" | "reply";
  readonly sender: { readonly mac: Mac; readonly address: Address };
  readonly target: { readonly mac?: Mac; readonly address: Address };
  /** Everybody, of a request, by default; of a reply its target. */
  readonly to?: Mac;
}

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff" as Mac;
/** Where a MAC is not known, or there is none: of loopback, of links without headers. */
export const NO_MAC = "00:00:00:00:00:00" as Mac;

const FLAGS: Readonly<Record<TcpFlags, number>> = {
  syn: 0x02,
  "syn-ack": 0x12,
  ack: 0x10,
  rst: 0x04,
  "rst-ack": 0x14,
  "fin-ack": 0x11,
};

/** Of an IP packet in an ICMP error: so much that the error stays within 576, or 1280, bytes (RFC 1812, RFC 4443). */
const QUOTED: Readonly<Record<Family, number>> = { 4: 576 - 28, 6: 1280 - 48 };

/** With right checksums. @throws RangeError where the addresses are of two families */
export function makePacket(spec: PacketSpec): Packet {
  const { family } = spec.source;
  if (spec.destination.family !== family) throw new RangeError("a packet's addresses are of one family");
  const carried = withChecksum(spec, PROTOCOLS[spec.carries.kind][family], segmentOf(spec.carries, family));
  const ip = concat(family === 4 ? header4(spec, carried.length) : header6(spec, carried.length), carried);
  return framed(ip, family === 4 ? ETHERTYPE.ip : ETHERTYPE.ip6, spec);
}

export function makeArp({ operation, sender, target, to }: ArpSpec): Packet {
  const body = concat(
    be16(1), // Ethernet
    be16(ETHERTYPE.ip),
    [6, 4],
    be16(operation === "request" ? 1 : 2),
    macBytes(sender.mac),
    addressBytes(sender.address),
    macBytes(target.mac ?? NO_MAC),
    addressBytes(target.address),
  );
  const destination = to ?? (operation === "request" ? BROADCAST_MAC : (target.mac ?? BROADCAST_MAC));
  return framed(body, ETHERTYPE.arp, { ethernet: { source: sender.mac, destination } });
}

function framed(
  body: Uint8Array,
  etherType: number,
  { ethernet, ...marks }: Pick<PacketSpec, "ethernet" | "mark" | "priority">,
): Packet {
  const packet = ethernet
    ? parseFrame(
        concat(macBytes(ethernet.destination), macBytes(ethernet.source), be16(etherType), body),
        marks,
      )
    : parseBare(body, marks);
  if (!packet) throw new RangeError("a packet that has no headers");
  return packet;
}

const ICMP = { 4: PROTOCOL.icmp, 6: PROTOCOL.icmp6 };
const PROTOCOLS: Readonly<Record<Carried["kind"], Readonly<Record<Family, number>>>> = {
  "echo-request": ICMP,
  "echo-reply": ICMP,
  "icmp-error": ICMP,
  tcp: { 4: PROTOCOL.tcp, 6: PROTOCOL.tcp },
  udp: { 4: PROTOCOL.udp, 6: PROTOCOL.udp },
  "neighbour-solicitation": ICMP,
  "neighbour-advertisement": ICMP,
};
/** Where the checksum lies in a header of the transport. */
const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [PROTOCOL.icmp]: 2,
  [PROTOCOL.icmp6]: 2,
  [PROTOCOL.tcp]: 16,
  [PROTOCOL.udp]: 6,
};

const NOTHING = new Uint8Array();

/** With its checksum zero. */
function segmentOf(carried: Carried, family: Family): Uint8Array {
  switch (carried.kind) {
    case "echo-request":
    case "echo-reply": {
      const type = { "echo-request": { 4: 8, 6: 128 }, "echo-reply": { 4: 0, 6: 129 } }[carried.kind][family];
      const { identifier, sequence, data = NOTHING } = carried;
      return concat([type, 0, 0, 0], be16(identifier), be16(sequence), data);
    }
    case "icmp-error": {
      const { type, code, rest = 0, about } = carried;
      const quoted = about.bytes.subarray(about.network, about.network + QUOTED[family]);
      return concat([type, code, 0, 0], be32(rest), quoted);
    }
    case "tcp": {
      const { sourcePort, destinationPort, sequence = 0, acknowledgement = 0, data = NOTHING } = carried;
      const rest = [5 << 4, FLAGS[carried.flags], ...be16(0xffff), 0, 0, 0, 0];
      const ports = [...be16(sourcePort), ...be16(destinationPort)];
      return concat(ports, be32(sequence), be32(acknowledgement), rest, data);
    }
    case "udp": {
      const { sourcePort, destinationPort, data = NOTHING } = carried;
      return concat(be16(sourcePort), be16(destinationPort), be16(8 + data.length), [0, 0], data);
    }
    case "neighbour-solicitation": {
      const option = carried.mac ? [1, 1, ...macBytes(carried.mac)] : [];
      return concat([135, 0, 0, 0], be32(0), addressBytes(carried.target), option);
    }
    case "neighbour-advertisement": {
      const flags = 0x20000000 | (carried.solicited ? 0x40000000 : 0); // override, solicited
      const option = [2, 1, ...macBytes(carried.mac)];
      return concat([136, 0, 0, 0], be32(flags), addressBytes(carried.target), option);
    }
  }
}

function withChecksum(spec: PacketSpec, protocol: number, segment: Uint8Array): Uint8Array {
  const sum =
    protocol === PROTOCOL.icmp
      ? checksum(segment)
      : transportChecksum(addressBytes(spec.source), addressBytes(spec.destination), protocol, segment);
  // RFC 768: a sum of zero is sent as its other form, since zero says that there is none.
  const sent = sum === 0 && protocol === PROTOCOL.udp ? 0xffff : sum;
  viewOf(segment).setUint16(CHECKSUM_AT[protocol] ?? 0, sent);
  return segment;
}

function header4(spec: PacketSpec, length: number): Uint8Array {
  const protocol = PROTOCOLS[spec.carries.kind][4];
  const fragment = be16(spec.dontFragment ? 0x4000 : 0);
  const header = concat(
    [0x45, spec.tos ?? 0, ...be16(20 + length), 0, 0, ...fragment, ttlOf(spec), protocol, 0, 0],
    addressBytes(spec.source),
    addressBytes(spec.destination),
  );
  viewOf(header).setUint16(10, checksum(header));
  return header;
}

function header6(spec: PacketSpec, length: number): Uint8Array {
  const protocol = PROTOCOLS[spec.carries.kind][6];
  const first = be32(((6 << 28) | ((spec.tos ?? 0) << 20)) >>> 0);
  return concat(
    [...first, ...be16(length), protocol, ttlOf(spec)],
    addressBytes(spec.source),
    addressBytes(spec.destination),
  );
}

/** RFC 4861: what came through a router is no neighbour's. */
const ttlOf = ({ ttl, carries }: PacketSpec): number =>
  ttl ?? (carries.kind.startsWith("neighbour-") ? 255 : 64);

/** The group that a neighbour solicitation for this IPv6 address goes to, RFC 4291 section 2.7.1. */
export const solicitedNode = ({ bits }: Address): Address => ({
  family: 6,
  bits: 0xff0200000000000000000001ff000000n | (bits & 0xffffffn),
});

/** The Ethernet address of a multicast group, RFC 1112 and RFC 2464. */
export function multicastMac({ family, bits }: Address): Mac {
  const low = be32(Number(bits & 0xffffffffn));
  const bytes = family === 6 ? [0x33, 0x33, ...low] : [0x01, 0x00, 0x5e, low[1] & 0x7f, low[2], low[3]];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":") as Mac;
}
