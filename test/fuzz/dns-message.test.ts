import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type RecordType } from "dns-packet";
import fc from "fast-check";
import { FrameReader, frame } from "../../src/network/dns/frames.ts";
import { answers, encodeName, HEADER, readQuery, Type } from "../../src/network/dns/message.ts";
import { nameKey } from "../../src/network/dns/names.ts";
import { writeResponse } from "../../src/network/dns/response.ts";

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
const names = fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) => labels.join("."));
const name = names.filter((text) => text.length < 254);
const type = fc.constantFrom<RecordType>("A", "AAAA", "PTR", "MX", "TXT");
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const queryOf = (name: string, type: RecordType, id = 1, flags = 0x0100): Buffer =>
  encode({ type: "query", id, flags, questions: [{ name, type }] });

test("a query that another codec wrote is read as it was meant", () => {
  fc.assert(
    fc.property(name, type, fc.nat(65535), fc.boolean(), (name, type, id, recursion) => {
      const message = queryOf(name, type, id, recursion ? 0x0100 : 0);
      const query = readQuery(message, message.length);
      assert.deepEqual(
        [query?.id, query?.name, query?.recursionDesired, query?.class, query?.end],
        [id, nameKey(name), recursion, 1, message.length],
      );
      assert.equal(query?.type, message.readUInt16BE(message.length - 4));
    }),
  );
});

test("whatever comes is read or not, and never beyond its end", () => {
  const message = fc.oneof(
    bytes(600),
    // A header that promises one question, and anything behind it.
    bytes(300).map((rest) => Buffer.concat([Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]), rest])),
  );
  fc.assert(
    fc.property(message, bytes(64), (message, beyond) => {
      const query = readQuery(message, message.length);
      const behind = Buffer.concat([message, beyond]);
      assert.deepEqual(readQuery(behind, message.length), query);
      if (!query) return;
      assert.ok(query.end <= message.length && query.name.length <= 253);
      // It can be answered, and the answer is one to it.
      const out = Buffer.alloc(1024);
      const length = writeResponse(out, message, query, { rcode: 2, records: [] }, 512);
      assert.ok(answers(out, length, message, query.end));
      assert.equal(out.readUInt16BE(), query.id);
    }),
    { numRuns: 2000 },
  );
});

test("an answer has as many records as its limit has room for, and says where it lacks some", () => {
  const record = fc.record({
    type: fc.constant<number>(Type.A),
    data: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  });
  const records = fc.array(record, { maxLength: 80 });
  fc.assert(
    fc.property(
      name,
      records,
      fc.integer({ min: 512, max: 4096 }),
      fc.nat(),
      (name, records, limit, first) => {
        const message = queryOf(name, "A");
        const query = readQuery(message, message.length);
        assert.ok(query);
        const out = Buffer.alloc(4096);
        const length = writeResponse(out, message, query, { rcode: 0, records }, limit, first);
        const told = decode(out.subarray(0, length));
        const count = told.answers?.length ?? 0;
        assert.ok(length <= limit);
        assert.equal(told.flag_tc, count < records.length);
        assert.ok(count === records.length || length + 16 > limit);
        assert.equal(length, message.length + 16 * count);
      },
    ),
  );
});

test("a name is encoded as another codec encodes it", () => {
  fc.assert(
    fc.property(name, (name) => {
      const message = queryOf(name, "A");
      assert.deepEqual(Buffer.from(encodeName(name) ?? []), message.subarray(HEADER, message.length - 4));
    }),
  );
});

test("a stream in any pieces gives its messages, whole and in order", () => {
  const messages = fc.array(bytes(300), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 700 }), (messages, piece) => {
      const stream = Buffer.concat(messages.map(frame));
      const reader = new FrameReader();
      const read: Buffer[] = [];
      for (let at = 0; at < stream.length; at += piece) {
        reader.push(stream.subarray(at, at + piece));
        for (let message = reader.take(); message; message = reader.take()) read.push(message);
      }
      assert.deepEqual(read, messages);
    }),
  );
});
