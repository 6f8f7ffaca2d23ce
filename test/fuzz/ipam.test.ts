import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  contains,
  firstOf,
  formatAddress,
  formatPrefix,
  lastOf,
  offset,
  overlaps,
  type Prefix,
  parseAddress,
  subnetOf,
} from "../../src/lib/ip.ts";
import { allocate, reservedOf } from "../../src/network/ipam/allocate.ts";
import { freeSubnet, subnetsOf } from "../../src/network/ipam/subnets.ts";
import type { Pool } from "../../src/network/types.ts";

/** Small subnets, so that they fill up; the gateway at any place in them. */
const pools = fc
  .record({
    bits: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
    length: fc.integer({ min: 26, max: 30 }),
    gateway: fc.bigInt({ min: 0n, max: 63n }),
    narrower: fc.integer({ min: 0, max: 2 }),
    place: fc.bigInt({ min: 0n, max: 63n }),
  })
  .map(({ bits, length, gateway, narrower, place }): Pool => {
    const size = 1n << BigInt(32 - length);
    const subnet: Prefix = { address: firstOf({ address: { family: 4, bits }, length }), length };
    const within = (by: bigint) => offset(subnet.address, by % size);
    return {
      subnet,
      gateway: within(gateway),
      ...(narrower > 0 && { range: { address: within(place), length: length + narrower } }),
      auxiliary: {},
    };
  });

/** Give (true), or free the n-th of those given. */
const steps = fc.array(fc.oneof(fc.constant(true as const), fc.nat(63)), { maxLength: 120 });

test("an address is given once at a time, in range, never a reserved one, and the lowest that is free", () => {
  fc.assert(
    fc.property(pools, steps, (pool, moves) => {
      const reserved = new Set(reservedOf(pool).map(formatAddress));
      const range = pool.range ?? pool.subnet;
      const given = new Set<string>();
      for (const move of moves) {
        if (move !== true) {
          const freed = [...given][move % Math.max(given.size, 1)];
          if (freed !== undefined) given.delete(freed);
          continue;
        }
        const address = allocate(pool, [...given].map(parseAddress));
        const lowest = everyAddress(range).find((each) => !given.has(each) && !reserved.has(each));
        assert.equal(address && formatAddress(address), lowest);
        if (!address) continue;
        assert.ok(contains(pool.subnet, address) && contains(range, address));
        given.add(formatAddress(address));
      }
    }),
  );
});

function everyAddress(range: Prefix): string[] {
  const first = firstOf(range);
  const count = Number(lastOf(range).bits - first.bits) + 1;
  return Array.from({ length: count }, (_, i) => formatAddress(offset(first, BigInt(i))));
}

/** Prefixes within 10.0.0.0/20, short and long. */
const prefixes = fc
  .record({ place: fc.bigInt({ min: 0n, max: 0xfffn }), length: fc.integer({ min: 19, max: 30 }) })
  .map(({ place, length }) => subnetOf({ address: offset(parseAddress("10.0.0.0"), place), length }));

test("the subnet that is given is the first that overlaps none in use", () => {
  const pool = fc.record({
    base: prefixes.map((prefix) => subnetOf({ ...prefix, length: Math.min(prefix.length, 24) })),
    more: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(pool, { maxLength: 4 }), fc.array(prefixes, { maxLength: 12 }), (drawn, used) => {
      const all = drawn.map(({ base, more }) => ({ base, size: base.length + more }));
      const plain = subnetsOf(all).find((subnet) => !used.some((other) => overlaps(subnet, other)));
      const given = freeSubnet(all, used);
      assert.equal(given && formatPrefix(given), plain && formatPrefix(plain));
    }),
  );
});
