/** Addresses that are special by their bits alone: each range's ends, and its neighbours on either side. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { isBroadcast, isLinkLocal, isLoopback, isMulticast, isUnspecified } from "../../src/lib/ip-kinds.ts";

const KINDS = { isBroadcast, isLinkLocal, isLoopback, isMulticast, isUnspecified };

/** Addresses with the one kind that each is of. */
const EXPECTED: readonly (readonly [address: string, kind?: keyof typeof KINDS])[] = [
  ["0.0.0.0", "isUnspecified"],
  ["::", "isUnspecified"],
  ["0.0.0.1"],
  ["126.255.255.255"],
  ["127.0.0.0", "isLoopback"],
  ["127.255.255.255", "isLoopback"],
  ["128.0.0.0"],
  ["::1", "isLoopback"],
  ["::2"],
  ["::127.0.0.1"],
  ["169.254.0.1"],
  ["fe7f:ffff::"],
  ["fe80::1", "isLinkLocal"],
  ["febf:ffff::", "isLinkLocal"],
  ["fec0::"],
  ["223.255.255.255"],
  ["224.0.0.0", "isMulticast"],
  ["239.255.255.255", "isMulticast"],
  ["240.0.0.0"],
  ["feff:ffff::"],
  ["ff00::", "isMulticast"],
  ["ff02::1", "isMulticast"],
  ["255.255.255.254"],
  ["255.255.255.255", "isBroadcast"],
  ["::255.255.255.255"],
];

for (const [text, kind] of EXPECTED) {
  test(`${text} is ${kind ?? "of no kind"}`, () => {
    const address = parseAddress(text);
    const found = Object.entries(KINDS).flatMap(([name, is]) => (is(address) ? [name] : []));
    assert.deepEqual(found, kind ? [kind] : []);
  });
}
