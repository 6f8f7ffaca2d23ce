import { forbidden, invalid } from "../../lib/errors.ts";
import {
  type Address,
  contains,
  firstOf,
  formatAddress,
  formatPrefix,
  lastOf,
  offset,
  type Prefix,
  widthOf,
} from "../../lib/ip.ts";
import type { Pool } from "../types.ts";

/** What of a pool bounds its addresses. */
export type Bounds = Pick<Pool, "subnet" | "gateway" | "range" | "auxiliary">;

/**
 * The addresses of a pool that no endpoint may have: its gateway, the auxiliary ones, and the subnet's own
 * name and broadcast address (of IPv6, the subnet-router anycast address, RFC 4291 section 2.6.1).
 * A point-to-point IPv4 subnet (RFC 3021) has neither.
 */
export function reservedOf({ subnet, gateway, auxiliary }: Bounds): readonly Address[] {
  return [...(gateway ? [gateway] : []), ...Object.values(auxiliary), ...unassignable(subnet)];
}

function unassignable(subnet: Prefix): readonly Address[] {
  if (subnet.address.family === 6) return [firstOf(subnet)];
  return widthOf(4) - subnet.length < 2 ? [] : [firstOf(subnet), lastOf(subnet)];
}

/** Whether a subnet has this many addresses for hosts. */
export function hasRoomFor(subnet: Prefix, hosts: number): boolean {
  const size = lastOf(subnet).bits - firstOf(subnet).bits + 1n;
  return size - BigInt(unassignable(subnet).length) >= BigInt(hosts);
}

/**
 * The lowest address of the pool, or of its range, that is neither reserved nor taken, so that a freed
 * address is the next one given. Undefined where there is none.
 */
export function allocate(pool: Bounds, taken: Iterable<Address>): Address | undefined {
  const range = pool.range ?? pool.subnet;
  const first = firstOf(range);
  const most = lastOf(range).bits - first.bits;
  const used: number[] = [];
  const use = ({ bits }: Address) => {
    const place = bits - first.bits;
    if (place >= 0n && place <= most) used.push(Number(place));
  };
  for (const address of reservedOf(pool)) use(address);
  for (const address of taken) use(address);
  // Of n that are used, one of the first n + 1 places is free.
  const places = new Uint8Array(used.length + 1);
  for (const place of used) if (place < places.length) places[place] = 1;
  const free = BigInt(places.indexOf(0));
  return free > most ? undefined : offset(first, free);
}

export interface Assignment {
  readonly address: Address;
  readonly pool: Pool;
}

/**
 * An address out of pools of one family: the one that is wanted, or the lowest free one of the first pool that has
 * any. Undefined where they are full.
 * @throws invalid for a wanted one outside; forbidden `Address already in use`
 */
export function assign(
  pools: readonly Pool[],
  taken: readonly Address[],
  wanted?: Address,
): Assignment | undefined {
  if (wanted) return { address: wanted, pool: poolFor(pools, taken, wanted) };
  for (const pool of pools) {
    const address = allocate(pool, taken);
    if (address) return { address, pool };
  }
  return undefined;
}

function poolFor(pools: readonly Pool[], taken: readonly Address[], wanted: Address): Pool {
  const pool = pools.find(({ subnet }) => contains(subnet, wanted));
  if (!pool) throw invalid(`no configured subnet contains IP address ${formatAddress(wanted)}`);
  if ([...reservedOf(pool), ...taken].some(({ bits }) => bits === wanted.bits)) {
    throw forbidden("Address already in use");
  }
  return pool;
}

/** `172.17.0.0/16`, or with its range: how a pool is named in errors. */
export const describePool = (pool: Pool): string =>
  pool.range ? `${formatPrefix(pool.range)} of ${formatPrefix(pool.subnet)}` : formatPrefix(pool.subnet);
