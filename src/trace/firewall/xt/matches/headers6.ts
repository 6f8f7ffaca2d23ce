/** Matches of IPv6's extension headers, RFC 8200, section 4: none of them takes a packet that has no such header. */
import type { Packet } from "../../../packet/types.ts";
import { defineOpaque } from "../types.ts";

const NEXT_HEADER = 6;
const FIXED_HEADER = 40;
/** Of Hop-by-Hop, Routing and Destination Options alike: the next header, and the length in units of eight bytes but the first. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;
const CHAINED = new Set([HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION]);

/** Whether a packet has an extension header of a kind. */
function hasHeader({ bytes, network }: Packet, kind: number): boolean {
  let next = bytes[network + NEXT_HEADER];
  for (let at = network + FIXED_HEADER; next !== undefined && CHAINED.has(next); ) {
    if (next === kind) return true;
    const length = next === FRAGMENT ? 8 : ((bytes[at + 1] ?? 0) + 1) * 8;
    next = bytes[at];
    at += length;
  }
  return false;
}

const define = (name: string, kind: number) =>
  defineOpaque(name, (packet) => (hasHeader(packet, kind) ? "unknown" : false));

export const HEADERS6 = [
  define("hbh", HOP_BY_HOP),
  define("rt", ROUTING),
  define("frag", FRAGMENT),
  define("dst", DESTINATION),
];
