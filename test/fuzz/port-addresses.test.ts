import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Address } from "../../src/lib/ip.ts";
import { infoForAnswer } from "../../src/linux/packet-info.ts";
import { decodeSocketAddress, encodeSocketAddress } from "../../src/linux/sockaddr.ts";
import { Rotation } from "../../src/network/port/ephemeral.ts";

const plain = { noNullPrototype: true } as const;
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ family: fc.constant(4 as const), bits: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }, plain),
  fc.record({ family: fc.constant(6 as const), bits: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) }, plain),
);
const port = fc.integer({ min: 0, max: 0xffff });
const ifindex = fc.integer({ min: 1, max: 0xffffffff });

test("a socket address is read as it was written", () => {
  fc.assert(
    fc.property(address, port, fc.option(ifindex), (at, number, scope) => {
      const written = {
        address: at,
        port: number,
        ...(scope !== null && at.family === 6 && { scope }),
      };
      const bytes = encodeSocketAddress(written);
      assert.equal(bytes.length, at.family === 4 ? 16 : 28);
      assert.deepEqual(decodeSocketAddress(bytes), written);
    }),
  );
});

test("any bytes are a socket address or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 2, 10), (bytes, family) => {
      if (bytes.length >= 2) bytes.set([family, 0]);
      try {
        encodeSocketAddress(decodeSocketAddress(bytes));
      } catch (thrown) {
        assert.ok(thrown instanceof RangeError, String(thrown));
      }
    }),
  );
});

/** struct cmsghdr of `level` before the data, as the kernel writes it. */
function control(level: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  new DataView(bytes.buffer).setUint32(8, level, true);
  bytes.set(data, 16);
  return bytes;
}

test("an answer's packet info has the address that was asked, and a link only where the address is the link's", () => {
  const data = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(data(12), (info) => {
      const expected = control(0, info);
      expected.fill(0, 16, 20);
      assert.deepEqual(infoForAnswer(control(0, info)), expected);
    }),
  );
  fc.assert(
    fc.property(data(20), fc.boolean(), (info, ofLink) => {
      if (ofLink) info.set([0xfe, 0x80 | ((info[1] ?? 0) & 0x3f)]);
      else info.set([0x20, 0x01]);
      const expected = control(41, info);
      if (!ofLink) expected.fill(0, 32, 36);
      assert.deepEqual(infoForAnswer(control(41, info)), expected);
    }),
  );
});

test("packet info of any length is left alone where it isn't what it should be", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 27 }), (bytes) => {
      assert.deepEqual(infoForAnswer(bytes), bytes);
    }),
  );
});

test("each port of a range that isn't reserved comes once, whatever was given before", () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 60 }))
    .map(([first, more]) => ({ first, last: first + more }));
  fc.assert(
    fc.property(
      range,
      fc.array(range, { maxLength: 5 }),
      fc.integer({ min: 1, max: 300 }),
      (all, reserved, given) => {
        const rotation = new Rotation();
        rotation.given("tcp", given);
        const ports = [...rotation.candidates("tcp", { ...all, reserved })];
        const expected = Array.from({ length: all.last - all.first + 1 }, (_, at) => all.first + at).filter(
          (one) => !reserved.some(({ first, last }) => one >= first && one <= last),
        );
        assert.deepEqual(
          ports.toSorted((a, b) => a - b),
          expected,
        );
        const after = expected.find((one) => one > given);
        if (given >= all.first && after !== undefined) assert.equal(ports[0], after);
      },
    ),
  );
});
