/** What nftables tells of traced packets: decoded as it was encoded, and never more than is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Writer } from "../../src/linux/bytes.ts";
import { put, putBe32, putBytes, putNested, putString } from "../../src/linux/netlink/attribute.ts";
import { readTraceMessage } from "../../src/linux/nftables/trace-message.ts";
import { nftMessage } from "../../src/linux/nftables/transaction.ts";

const TRACE = nftMessage(17);
const message = (type: number, payload: Uint8Array) => ({ type, payload, flags: 0, sequence: 0, port: 0 });

const name = fc.stringMatching(/^[a-z]{1,16}$/);
const bytes = fc.uint8Array({ maxLength: 40 });

test("a rule that jumps", () => {
  fc.assert(
    fc.property(name, name, fc.integer({ min: 1, max: 2 ** 31 }), bytes, (table, chain, handle, header) => {
      const to = new Writer().u8(1).u8(0).be16(0);
      putString(to, 1, table);
      putString(to, 2, chain);
      put(to, 3, (w) => w.be64(BigInt(handle)));
      putBe32(to, 4, 3);
      putNested(to, 5, () => {
        putBe32(to, 1, 0xfffffffd);
        putString(to, 2, "deeper");
      });
      putBe32(to, 6, 7);
      putBytes(to, 8, header);
      putBe32(to, 10, 2);
      assert.deepEqual(readTraceMessage(message(TRACE, to.written())), {
        id: 7,
        family: "inet",
        table,
        chain,
        type: "rule",
        handle,
        verdict: { code: "jump", chain: "deeper" },
        in: 2,
        network: header,
      });
    }),
  );
});

test("a policy", () => {
  const to = new Writer().u8(7).u8(0).be16(0);
  putString(to, 1, "t");
  putString(to, 2, "c");
  putBe32(to, 4, 1);
  putBe32(to, 6, 7);
  putBe32(to, 16, 0);
  const read = readTraceMessage(message(TRACE, to.written()));
  assert.deepEqual([read?.family, read?.type, read?.verdict], ["bridge", "policy", { code: "drop" }]);
});

test("whatever else comes is no such message", () => {
  assert.equal(readTraceMessage(message(nftMessage(6), new Uint8Array(64))), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
      const read = readTraceMessage(message(TRACE, payload));
      assert.ok(read === undefined || typeof read.table === "string");
    }),
  );
});
