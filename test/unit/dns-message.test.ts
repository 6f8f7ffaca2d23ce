import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { addressBytes, parseAddress } from "../../src/lib/ip.ts";
import { answers, encodeName, readQuery, Type } from "../../src/network/dns/message.ts";
import { nameKey } from "../../src/network/dns/names.ts";
import { udpLimit, writeResponse } from "../../src/network/dns/response.ts";
import { reverseName } from "../../src/network/dns/reverse.ts";

const opt = (size: number): Answer =>
  ({
    type: "OPT",
    name: ".",
    udpPayloadSize: size,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0x8000,
    options: [{ code: 10, data: Buffer.alloc(8) }],
  }) as unknown as Answer;

const question = (name: string, more: Packet = {}): Buffer =>
  encode({ type: "query", id: 4711, flags: 0x0100, questions: [{ name, type: "A" }], ...more });

function read(message: Buffer) {
  const query = readQuery(message, message.length);
  if (!query) throw new Error("not read");
  return query;
}

test("a query tells its name, what it asks, and what its asker takes", () => {
  const message = question("WWW.Example.org");
  assert.deepEqual(read(message), {
    id: 4711,
    opcode: 0,
    recursionDesired: true,
    name: "www.example.org",
    type: 1,
    class: 1,
    end: message.length,
    edns: undefined,
  });
  const extended = question("a", { additionals: [opt(1232)] });
  assert.deepEqual(read(extended).edns, { size: 1232, version: 0, dnssecOk: true });
  assert.equal(read(extended).end, 12 + 3 + 4);
  assert.equal(read(question(".")).name, "");
});

test("records before OPT are gone over, two of OPT are not sound", () => {
  const soa = { type: "A", name: "x.example", ttl: 1, data: "192.0.2.1" } as const;
  const message = question("a", { authorities: [soa], additionals: [soa, opt(900)] });
  assert.equal(read(message).edns?.size, 900);
  const two = question("a", { additionals: [opt(900), opt(900)] });
  assert.equal(readQuery(two, two.length), undefined);
});

test("a dot inside a label is not one between labels", () => {
  const message = Buffer.from(question("axb"));
  message[14] = 0x2e;
  assert.equal(read(message).name, "a\0b");
});

test("any part of a query is none", () => {
  const message = question("www.example.org", { additionals: [opt(4096)] });
  for (let length = 0; length < message.length; length += 1) {
    assert.equal(readQuery(message, length), undefined, `${length} bytes`);
  }
});

test("an answer of ours is read by others", () => {
  const message = question("Web", { additionals: [opt(1232)] });
  const query = read(message);
  const out = Buffer.alloc(4096);
  const records = ["172.18.0.2", "172.18.0.3"].map((text) => ({
    type: Type.A,
    data: addressBytes(parseAddress(text)),
  }));
  const length = writeResponse(out, message, query, { rcode: 0, records }, udpLimit(query), 1);
  const { id, type, questions, answers: told, additionals } = decode(out.subarray(0, length));
  assert.deepEqual([id, type, questions?.[0]?.name], [4711, "response", "Web"]);
  const [first, second] = told ?? [];
  assert.deepEqual(first, {
    name: "Web",
    type: "A",
    ttl: 0,
    class: "IN",
    flush: false,
    data: "172.18.0.3",
  });
  assert.equal(second && "data" in second && second.data, "172.18.0.2");
  const [extension] = additionals ?? [];
  assert.equal(extension?.type === "OPT" && extension.udpPayloadSize, 4096);
  assert.equal(extension?.type === "OPT" && extension.flag_do, true);
});

test("an asker is believed about its room between 512 bytes and ours", () => {
  const limit = (size: number) => udpLimit(read(question("a", { additionals: [opt(size)] })));
  assert.deepEqual([limit(1), limit(600), limit(65535)], [512, 600, 4096]);
  assert.equal(udpLimit(read(question("a"))), 512);
});

test("an answer is one to the question that was asked, in whatever letters", () => {
  const asked = question("www.example.org");
  const end = asked.length;
  const answer = (name: string, more: Packet = {}) =>
    encode({ type: "response", id: 4711, questions: [{ name, type: "A" }], ...more });
  const matches = (bytes: Buffer) => answers(bytes, bytes.length, asked, end);
  assert.ok(matches(answer("WWW.example.ORG")));
  assert.ok(!matches(answer("www.example.com")));
  assert.ok(!matches(answer("www.example.orga")));
  assert.ok(!matches(answer("www.example.org", { questions: [{ name: "www.example.org", type: "AAAA" }] })));
  assert.ok(!matches(asked));
  assert.ok(!matches(answer("www.example.org").subarray(0, end - 1)));
  const headerAlone = (rcode: number) => matches(encode({ type: "response", id: 4711, flags: rcode }));
  assert.deepEqual([0, 1, 2, 3, 4, 5].filter(headerAlone), [1, 2, 4, 5]);
});

test("names that a message can't hold have no bytes", () => {
  assert.deepEqual([...(encodeName("ab.c") ?? [])], [2, 0x61, 0x62, 1, 0x63, 0]);
  for (const name of ["", ".", "a..b", "a".repeat(64), `${"a.".repeat(127)}b`]) {
    assert.equal(encodeName(name), undefined, name);
  }
  assert.equal(encodeName(`${"a.".repeat(126)}b`)?.length, 255);
});

test("keys of names: ASCII letters have no case, others have", () => {
  assert.equal(nameKey("My-Web.Example."), "my-web.example");
  assert.equal(nameKey("Ä"), Buffer.from("Ä").toString("latin1"));
});

test("names of addresses", () => {
  assert.equal(reverseName(parseAddress("172.18.0.2")), "2.0.18.172.in-addr.arpa");
  assert.equal(
    reverseName(parseAddress("2001:db8::567:89ab")),
    `b.a.9.8.7.6.5.0.${"0.".repeat(16)}8.b.d.0.1.0.0.2.ip6.arpa`,
  );
});
