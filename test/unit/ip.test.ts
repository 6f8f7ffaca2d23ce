import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Address,
  addressBytes,
  addressFromBytes,
  contains,
  firstOf,
  formatAddress,
  formatPrefix,
  lastOf,
  macOf,
  offset,
  overlaps,
  parseAddress,
  parseMac,
  parsePrefix,
  subnetOf,
  tryParseAddress,
  widthOf,
} from "../../src/lib/ip.ts";

const address: fc.Arbitrary<Address> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((bits) => ({ family: 4 as const, bits })),
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((bits) => ({ family: 6 as const, bits })),
  // Runs of zeros, which is where the compressed form is decided.
  fc
    .array(fc.constantFrom<bigint>(0n, 0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
    .map((groups) => ({
      family: 6 as const,
      bits: groups.reduce((bits, group) => (bits << 16n) | group, 0n),
    })),
);
const prefix = address.chain((address) =>
  fc.integer({ min: 0, max: widthOf(address.family) }).map((length) => ({ address, length })),
);

test("an address is what its text says, and the text is canonical", () => {
  fc.assert(
    fc.property(address, (address) => {
      const text = formatAddress(address);
      assert.equal(isIP(text), address.family);
      assert.deepEqual(parseAddress(text), address);
      // WHATWG URL serialises IPv6 as RFC 5952 does.
      if (address.family === 6) assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    }),
  );
});

test("bytes and back", () => {
  fc.assert(
    fc.property(address, (address) => assert.deepEqual(addressFromBytes(addressBytes(address)), address)),
  );
});

test("only addresses are read as such", () => {
  // Zones are not addresses here; otherwise Node's own judgement is the reference.
  const text = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
    fc.stringMatching(/^([0-9]{1,3}\.){3}[0-9]{1,3}$/),
    fc.stringMatching(/^[0-9a-f]{0,4}(:{1,2}[0-9a-f]{1,5}){0,8}(:1\.2\.3\.4)?$/),
  );
  fc.assert(
    fc.property(
      text.filter((text) => !text.includes("%")),
      (text) => assert.equal(tryParseAddress(text)?.family ?? 0, isIP(text)),
    ),
    { numRuns: 2000 },
  );
  for (const bad of [
    "",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.256",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%eth0",
    "1.2.3.4/24",
  ]) {
    assert.throws(() => parseAddress(bad), /invalid IP address/);
  }
});

test("prefixes hold their addresses and no others", () => {
  fc.assert(
    fc.property(prefix, address, (prefix, other) => {
      assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
      assert.ok(contains(prefix, prefix.address));
      assert.ok(contains(prefix, firstOf(prefix)) && contains(prefix, lastOf(prefix)));
      const inside =
        other.family === prefix.address.family &&
        other.bits >= firstOf(prefix).bits &&
        other.bits <= lastOf(prefix).bits;
      assert.equal(contains(prefix, other), inside);
      assert.deepEqual(subnetOf(subnetOf(prefix)), subnetOf(prefix));
    }),
  );
});

test("overlap means a shared address, either way round", () => {
  fc.assert(
    fc.property(prefix, prefix, (a, b) => {
      const shared =
        a.address.family === b.address.family &&
        firstOf(a).bits <= lastOf(b).bits &&
        firstOf(b).bits <= lastOf(a).bits;
      assert.equal(overlaps(a, b), shared);
      assert.equal(overlaps(b, a), shared);
    }),
  );
  for (const bad of [
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "::/129",
    "10.0.0/8",
    "1.2.3.4/5/6",
  ]) {
    assert.throws(() => parsePrefix(bad), /invalid CIDR address/);
  }
});

test("neighbours stay within their family", () => {
  assert.equal(formatAddress(offset(parseAddress("172.17.0.255"), 1n)), "172.17.1.0");
  assert.throws(() => offset(parseAddress("255.255.255.255"), 1n), /no address/);
  assert.throws(() => offset(parseAddress("::"), -1n), /no address/);
});

test("MAC addresses", () => {
  assert.equal(macOf(parseAddress("172.17.0.2")), "02:42:ac:11:00:02");
  assert.equal(parseMac("02-42-AC-11-00-02"), "02:42:ac:11:00:02");
  for (const bad of ["", "02:42", "02:42:ac:11:00:0g", "02:42:ac:11:00:02:03", "01:00:5e:00:00:01"]) {
    assert.throws(() => parseMac(bad), /invalid MAC address/);
  }
});
