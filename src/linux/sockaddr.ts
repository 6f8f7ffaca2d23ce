/**
 * Socket addresses of the internet families, ip(7) and ipv6(7):
 * ```c
 * struct sockaddr_in {
 *   sa_family_t sin_family;    // AF_INET
 *   in_port_t sin_port;        // network order, as the address
 *   struct in_addr sin_addr;
 *   unsigned char sin_zero[8];
 * };
 * struct sockaddr_in6 {
 *   sa_family_t sin6_family;   // AF_INET6
 *   in_port_t sin6_port;
 *   uint32_t sin6_flowinfo;
 *   struct in6_addr sin6_addr;
 *   uint32_t sin6_scope_id;    // the link of a link-local address
 * };
 * ```
 */
import { type Address, addressBytes, addressFromBytes } from "../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import { AF_INET, AF_INET6 } from "./socket-constants.ts";

/** Room for either. */
export const SOCKADDR_SIZE = 28;
const SIZE4 = 16;

export interface SocketAddress {
  readonly address: Address;
  readonly port: number;
  /** Index of the link that a link-local address is on. */
  readonly scope?: number;
}

export function encodeSocketAddress({ address, port, scope = 0 }: SocketAddress): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? SIZE4 : SOCKADDR_SIZE);
  const view = viewOf(bytes);
  view.setUint16(0, address.family === 4 ? AF_INET : AF_INET6, LITTLE_ENDIAN);
  view.setUint16(2, port);
  bytes.set(addressBytes(address), address.family === 4 ? 4 : 8);
  if (address.family === 6) view.setUint32(24, scope, LITTLE_ENDIAN);
  return bytes;
}

/** @throws RangeError for another family, and for fewer bytes than it has */
export function decodeSocketAddress(bytes: Uint8Array): SocketAddress {
  const view = viewOf(bytes);
  const family = view.getUint16(0, LITTLE_ENDIAN);
  if (family !== AF_INET && family !== AF_INET6) {
    throw new RangeError(`not an internet address: family ${family}`);
  }
  const size = family === AF_INET ? SIZE4 : SOCKADDR_SIZE;
  if (bytes.length < size) throw new RangeError(`${bytes.length} bytes of a socket address of ${size}`);
  const port = view.getUint16(2);
  if (family === AF_INET) return { address: addressFromBytes(bytes.subarray(4, 8)), port };
  const scope = view.getUint32(24, LITTLE_ENDIAN);
  return { address: addressFromBytes(bytes.subarray(8, 24)), port, ...(scope !== 0 && { scope }) };
}
