/** Names of others in command lines: one word each, whatever they hold. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { linkSysctl, shell, shellWord } from "../../src/lib/shell.ts";
import { inside, withoutRule } from "../../src/trace/fixes/words.ts";
import type { RuleRef } from "../../src/trace/types.ts";

const saidBySh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

test("what needs no quotes has none", () => {
  assert.equal(shell`ip link set ${"eth0"} mtu ${1400}`, "ip link set eth0 mtu 1400");
  assert.equal(shell`nsenter --net=${"/run/netns/blue"} ip addr`, "nsenter --net=/run/netns/blue ip addr");
});

test("names of links that are commands stay names", () => {
  for (const name of ["a;echo b", "$(echo b)", "`echo b`", "it's", "a b", "*", "", "a\nb", "~", "a&b|c>d"]) {
    assert.equal(saidBySh(shell`printf %s ${name}`), name);
  }
});

test("any text is one word", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
      const word = text.replaceAll("\0", "");
      assert.equal(saidBySh(`printf %s ${shellWord(word)}`), word);
    }),
    { numRuns: 20 },
  );
});

test("a dot in a link's name is a slash among sysctls", () => {
  assert.equal(linkSysctl("net.ipv4.conf", "eth0.7", "rp_filter"), "net.ipv4.conf.eth0/7.rp_filter");
});

test("a rule of a chain whose name nft would read as commands is shown, not deleted", () => {
  const rule = {
    in: "nft",
    namespace: 1,
    family: "ip",
    table: "filter",
    chain: "x; flush ruleset",
    handle: 3,
  };
  assert.equal(withoutRule(rule as unknown as RuleRef, undefined).command, "nft -a list ruleset");
  const plain = { ...rule, chain: "forward" } as unknown as RuleRef;
  assert.equal(withoutRule(plain, undefined).command, "nft delete rule ip filter forward handle 3");
});

test("a namespace is entered by its file, whatever that is called", () => {
  const namespace = { host: false, pids: [], path: "/run/netns/a b" } as unknown as Parameters<
    typeof inside
  >[0];
  assert.equal(inside(namespace, "ip addr"), "nsenter --net='/run/netns/a b' ip addr");
});
