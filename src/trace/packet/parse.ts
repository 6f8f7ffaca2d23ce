/** Where the headers of a packet begin: Ethernet (IEEE 802.3, 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200). */
import { ETHERTYPE } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import type { Packet } from "./types.ts";

const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const IP_HEADER = 20;
const IP6_HEADER = 40;

/** Extension headers that a chain of next headers goes on behind. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;

type Marks = Partial<Pick<Packet, "mark" | "priority">>;

/** A frame that begins with an Ethernet header; undefined where it is too short for its headers. */
export function parseFrame(bytes: Uint8Array, marks: Marks = {}): Packet | undefined {
  if (bytes.length < ETHERNET_HEADER) return undefined;
  const view = viewOf(bytes);
  let network = ETHERNET_HEADER;
  let etherType = view.getUint16(network - 2);
  while (etherType === ETHERTYPE.vlan || etherType === ETHERTYPE.providerVlan) {
    network += VLAN_TAG;
    if (bytes.length < network) return undefined;
    etherType = view.getUint16(network - 2);
  }
  return parseNetwork(bytes, network, etherType, marks);
}

/** An IP packet as a link without a header of its own carries it. */
export function parseBare(bytes: Uint8Array, marks: Marks = {}): Packet | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  const etherType = version === 4 ? ETHERTYPE.ip : version === 6 ? ETHERTYPE.ip6 : undefined;
  return etherType && parseNetwork(bytes, 0, etherType, marks);
}

function parseNetwork(
  bytes: Uint8Array,
  network: number,
  etherType: number,
  { mark = 0, priority = 0 }: Marks,
): Packet | undefined {
  const packet = { bytes, network, etherType, mark, priority };
  if (etherType === ETHERTYPE.ip) {
    const transport = transportOf4(bytes, network);
    return transport && { ...packet, ...transport };
  }
  if (etherType === ETHERTYPE.ip6) {
    const transport = transportOf6(bytes, network);
    return transport && { ...packet, ...transport };
  }
  return packet;
}

type Transport = Pick<Packet, "transport" | "protocol">;

function transportOf4(bytes: Uint8Array, network: number): Transport | undefined {
  if (bytes.length < network + IP_HEADER) return undefined;
  const length = ((bytes[network] ?? 0) & 15) * 4;
  if (length < IP_HEADER || bytes.length < network + length) return undefined;
  const protocol = bytes[network + 9] ?? 0;
  const offset = viewOf(bytes).getUint16(network + 6) & 0x1fff;
  return offset > 0 ? { protocol } : { protocol, transport: network + length };
}

/** Behind the extension headers, as the kernel's ipv6_find_hdr goes. */
function transportOf6(bytes: Uint8Array, network: number): Transport | undefined {
  if (bytes.length < network + IP6_HEADER) return undefined;
  let protocol = bytes[network + 6] ?? 0;
  let at = network + IP6_HEADER;
  for (;;) {
    const words = bytes[at + 1] ?? 0;
    const next = bytes[at] ?? 0;
    if (protocol === FRAGMENT) {
      if (bytes.length < at + 8) return undefined;
      if (viewOf(bytes).getUint16(at + 2) >> 3 > 0) return { protocol: next };
      at += 8;
    } else if (protocol === AUTHENTICATION) at += (words + 2) * 4;
    else if (EXTENSIONS.has(protocol)) at += (words + 1) * 8;
    else return { protocol, transport: at };
    if (at > bytes.length) return undefined;
    protocol = next;
  }
}

const EXTENSIONS: ReadonlySet<number> = new Set([HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS, MOBILITY]);

/** Where the IPv6 extension header of a type begins; undefined where the packet has none. */
export function extensionOf6(packet: Packet, type: number): number | undefined {
  if (packet.etherType !== ETHERTYPE.ip6) return undefined;
  const { bytes, network } = packet;
  let protocol = bytes[network + 6] ?? 0;
  let at = network + IP6_HEADER;
  const end = packet.transport ?? bytes.length;
  while (at < end) {
    if (protocol === type) return at;
    const words = bytes[at + 1] ?? 0;
    const length =
      protocol === FRAGMENT ? 8 : protocol === AUTHENTICATION ? (words + 2) * 4 : (words + 1) * 8;
    protocol = bytes[at] ?? 0;
    at += length;
  }
  return undefined;
}
