/** What is read of other programs' rules may be anything: nothing throws, nothing hangs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readAnnouncement } from "../../src/linux/nftables/announcement.ts";
import { findDrops } from "../../src/network/coexistence/foreign.ts";
import { readIptablesSave } from "../../src/network/coexistence/iptables-save.ts";
import { forwardTables, readTable } from "../../src/network/coexistence/nft-json.ts";
import { DOCKERD_28, firewalld } from "./coexistence-firewalls.ts";

const flow = (bridged: boolean) => ({
  way: "out" as const,
  bridge: "br-a",
  packet: { family: 4 as const, in: "br-a", translated: false, bridged },
});
const judge = (tables: Parameters<typeof findDrops>[0]) => findDrops(tables, [flow(false)], [flow(true)]);

test("lines of iptables-save, whole and in pieces", () => {
  const words = fc.constantFrom(
    ..."-A -i -o -j -g ! -m -s -d FORWARD DOCKER DOCKER-USER ACCEPT DROP RETURN br+ 10.0.0.0/8 /x *filter".split(
      " ",
    ),
    ...'--ctstate NEW :FORWARD COMMIT DROP --comment "a \'b" \\'.split(" "),
  );
  const line = fc.array(words, { maxLength: 12 }).map((parts) => parts.join(" "));
  const text = fc.array(line, { maxLength: 20 }).map((lines) => `${DOCKERD_28}${lines.join("\n")}`);
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (saved) => {
      judge(readIptablesSave(saved, { tool: "iptables", family: "ip" }));
    }),
  );
});

test("JSON of nft, with anything in the place of any value", () => {
  const paths = (value: unknown, path: string[] = []): string[][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...paths(inner, [...path, key])])
      : [];
  const whole: unknown = JSON.parse(firewalld("br-a"));
  const replaced = (value: unknown, [key, ...rest]: string[], by: unknown): unknown => {
    if (key === undefined) return by;
    if (Array.isArray(value))
      return value.map((inner, i) => (String(i) === key ? replaced(inner, rest, by) : inner));
    return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) };
  };
  fc.assert(
    fc.property(fc.constantFrom(...paths(whole)), fc.jsonValue(), (path, by) => {
      const json = JSON.stringify(replaced(whole, path, by));
      judge(forwardTables(json).map((place) => readTable(json, place).table));
    }),
  );
});

test("announcements", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(0xffff), (payload, type) => {
      const told = readAnnouncement({ type, flags: 0, sequence: 0, port: 0, payload });
      assert.ok(told === undefined || type >> 8 === 10);
    }),
  );
});
