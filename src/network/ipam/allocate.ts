import { type Address, firstOf, formatPrefix, lastOf, offset, widthOf } from "../../lib/ip.ts";
import type { Pool } from "../types.ts";

/**
 * The addresses of a pool that no endpoint may have: its gateway, the auxiliary ones, and the subnet's own
 * name and broadcast address (of IPv6, the subnet-router anycast address, RFC 4291 section 2.6.1).
 * A point-to-point subnet (RFC 3021) has neither.
 */
export function reservedOf(pool: Pool): readonly Address[] {
  const { subnet } = pool;
  const named = [pool.gateway, ...Object.values(pool.auxiliary)];
  if (widthOf(subnet.address.family) - subnet.length < 2) return named;
  const own = subnet.address.family === 4 ? [firstOf(subnet), lastOf(subnet)] : [firstOf(subnet)];
  return [...named, ...own];
}

/**
 * The lowest address of the pool, or of its range, that is neither reserved nor taken, so that a freed
 * address is the next one given. Undefined where there is none.
 */
export function allocate(pool: Pool, taken: Iterable<Address>): Address | undefined {
  const used = new Set<bigint>();
  for (const { bits } of reservedOf(pool)) used.add(bits);
  for (const { bits } of taken) used.add(bits);
  const range = pool.range ?? pool.subnet;
  const last = lastOf(range);
  for (let address = firstOf(range); ; address = offset(address, 1n)) {
    if (!used.has(address.bits)) return address;
    if (address.bits === last.bits) return undefined;
  }
}

/** `172.17.0.0/16`, or with its range: how a pool is named in errors. */
export const describePool = (pool: Pool): string =>
  pool.range ? `${formatPrefix(pool.range)} of ${formatPrefix(pool.subnet)}` : formatPrefix(pool.subnet);
