/** Names of addresses: `2.0.18.172.in-addr.arpa` (RFC 1035 section 3.5), nibbles in `ip6.arpa` (RFC 3596). */
import { type Address, addressBytes } from "../../lib/ip.ts";

/** The name that a PTR query for `address` has, as `nameKey` makes them. */
export function reverseName(address: Address): string {
  const bytes = [...addressBytes(address)].reverse();
  if (address.family === 4) return `${bytes.join(".")}.in-addr.arpa`;
  return `${bytes.map((byte) => `${(byte & 0xf).toString(16)}.${(byte >> 4).toString(16)}`).join(".")}.ip6.arpa`;
}
