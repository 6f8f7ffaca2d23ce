import { invalid } from "../../lib/errors.ts";
import { formatPrefix, offset, overlaps, type Prefix, parsePrefix, subnetOf, widthOf } from "../../lib/ip.ts";
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

/** Every subnet that the pools hold, in order. @throws invalid for a size that does not fit its base */
export function* subnetsOf(pools: readonly AddressPool[]): Generator<Prefix> {
  for (const { base, size } of pools) {
    const width = widthOf(base.address.family);
    if (size < base.length || size > width) {
      throw invalid(`invalid default address pool: no subnets of /${size} in ${formatPrefix(base)}`);
    }
    const start = subnetOf(base).address;
    const step = 1n << BigInt(width - size);
    const count = 1n << BigInt(size - base.length);
    for (let i = 0n; i < count; i += 1n) yield { address: offset(start, i * step), length: size };
  }
}

/** The first subnet of the pools that overlaps none of those in use. */
export function freeSubnet(pools: readonly AddressPool[], used: readonly Prefix[]): Prefix | undefined {
  return subnetsOf(pools).find((subnet) => !used.some((other) => overlaps(subnet, other)));
}
