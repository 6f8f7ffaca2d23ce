import { invalid } from "../../lib/errors.ts";
import {
  contains,
  firstOf,
  formatPrefix,
  lastOf,
  offset,
  overlaps,
  type Prefix,
  parsePrefix,
  subnetOf,
  widthOf,
} from "../../lib/ip.ts";
import type { AddressPool } from "../settings.ts";

const pool = (base: string, size: number): AddressPool => ({ base: parsePrefix(base), size });

/** Docker's default address pools, and past them 65,536 more subnets where Docker gives up after 31 networks. */
export const BUILT_IN_POOLS: readonly AddressPool[] = [
  pool("172.17.0.0/16", 16),
  pool("172.18.0.0/15", 16),
  pool("172.20.0.0/14", 16),
  pool("172.24.0.0/13", 16),
  pool("192.168.0.0/16", 20),
  pool("10.0.0.0/8", 24),
];

/** `count` subnets of `size` bits from `start` on, each `step` addresses long. */
interface Run {
  readonly start: Prefix["address"];
  readonly step: bigint;
  readonly count: bigint;
}

function runOf({ base, size }: AddressPool): Run {
  const width = widthOf(base.address.family);
  if (size < base.length || size > width) {
    throw invalid(`invalid default address pool: no subnets of /${size} in ${formatPrefix(base)}`);
  }
  return {
    start: subnetOf(base).address,
    step: 1n << BigInt(width - size),
    count: 1n << BigInt(size - base.length),
  };
}

/** Every subnet that the pools hold, in order. @throws invalid for a size that does not fit its base */
export function* subnetsOf(pools: readonly AddressPool[]): Generator<Prefix> {
  for (const each of pools) {
    const { start, step, count } = runOf(each);
    for (let i = 0n; i < count; i += 1n) yield { address: offset(start, i * step), length: each.size };
  }
}

/**
 * The first subnet of the pools that overlaps none of those in use. What is in use is leapt over, not tried one
 * by one: a thousand networks are no more work than sorting them.
 * @throws invalid for a size that does not fit its base
 */
export function freeSubnet(pools: readonly AddressPool[], used: readonly Prefix[]): Prefix | undefined {
  const taken = used
    .map((prefix) => ({
      family: prefix.address.family,
      first: firstOf(prefix).bits,
      last: lastOf(prefix).bits,
    }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const each of pools) {
    const { start, step, count } = runOf(each);
    let begin = start.bits;
    for (const { family, first, last } of taken) {
      if (family !== start.family || last < begin) continue;
      if (first >= begin + step) break;
      begin = start.bits + ((last - start.bits) / step + 1n) * step;
    }
    const place = (begin - start.bits) / step;
    if (place < count) return { address: offset(start, place * step), length: each.size };
  }
  return undefined;
}

/**
 * As `freeSubnet`, but those that were given back come after all others, oldest first: what still remembers a
 * network that is gone does not find another in its place.
 */
export function nextSubnet(
  pools: readonly AddressPool[],
  used: readonly Prefix[],
  spent: readonly Prefix[],
): Prefix | undefined {
  const fresh = freeSubnet(pools, [...used, ...spent]);
  if (fresh) return fresh;
  const again = spent.find(
    (subnet) => pools.some((each) => holds(each, subnet)) && !used.some((other) => overlaps(subnet, other)),
  );
  return again ?? freeSubnet(pools, used);
}

const holds = ({ base, size }: AddressPool, subnet: Prefix): boolean =>
  subnet.length === size && contains(base, subnet.address);
