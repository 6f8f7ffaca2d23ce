/** The internet checksum, RFC 1071. */

/** Sixteen-bit words added up, not yet folded; an odd byte is the upper one of a word. */
function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** Of bytes in which the field itself is zero. Over bytes that hold a right one it is 0. */
export const checksum = (bytes: Uint8Array): number => fold(sum(bytes, 0));

/** With the pseudo-header of RFC 9293 section 3.1 and RFC 8200 section 8.1: of TCP, UDP and ICMPv6. */
export function transportChecksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  segment: Uint8Array,
): number {
  return fold(sum(segment, sum(destination, sum(source, protocol + segment.length))));
}
