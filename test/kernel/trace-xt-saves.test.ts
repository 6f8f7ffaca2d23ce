/** Rule sets of other programs, loaded as xtables and as nftables, read back natively, and asked. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import type { Family } from "../../src/lib/ip.ts";
import { EMPTY_RULESET, type NftRuleset } from "../../src/linux/nftables/program.ts";
import { readXtables } from "../../src/linux/xtables/read.ts";
import type { XtExtension, XtTable } from "../../src/linux/xtables/types.ts";
import type { Namespace } from "../../src/observe/types.ts";
import { stagesOf, tracksConnections } from "../../src/trace/firewall/stages.ts";
import type { HookName, Outcome, Surroundings } from "../../src/trace/firewall/types.ts";
import { saveTable } from "../../src/trace/firewall/xt/describe.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { SAVES } from "../support/iptables-saves.ts";
import { ALL_WORDS } from "../support/iptables-words.ts";
import { isolated } from "../support/isolated.ts";
import {
  Firewall,
  LINKS,
  namespaceWith,
  newConnection,
  packetTo,
  routes,
  tcp,
  udp,
} from "./trace-nft-fixture.ts";

isolated(import.meta);

const firewall = new Firewall();
after(() => firewall.close());

function run(command: string, input = "", ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: "utf8" });
  assert.equal(status, 0, `${command}: ${stderr}`);
  return stdout;
}

const namesFile = (family: Family): string =>
  readFileSync(`/proc/self/net/ip${family === 6 ? "6" : ""}_tables_names`, "utf8");

/** In place of what was there, of the tables that the text has. */
function loadLegacy(text: string, family: Family = 4): readonly XtTable[] {
  run(`ip${family === 6 ? "6" : ""}tables-legacy-restore`, text);
  const loaded = new Set([...text.matchAll(/^\*(\w+)/gm)].map(([, name]) => name));
  return readXtables().filter((table) => table.family === family && loaded.has(table.name));
}

function loadNft(text: string): NftRuleset {
  firewall.load("");
  run("iptables-nft-restore", text);
  return firewall.read();
}

/** iptables-save's lines, table by table, without comments and counters. */
const linesOf = (saved: string): string[] =>
  saved
    .split(/^(?=\*)/m)
    .map((table) =>
      table
        .split("\n")
        .filter((line) => line && !line.startsWith("#"))
        .map((line) => line.replace(/ \[\d+:\d+\]$/, ""))
        .join("\n"),
    )
    .filter(Boolean)
    .sort();

const written = (tables: readonly XtTable[]): string[] =>
  tables.map((table) => saveTable(table).trim()).sort();

/** The same by iptables-save itself. */
function savedOf(tables: readonly XtTable[]): string[] {
  const command = `ip${tables[0]?.family === 6 ? "6" : ""}tables-legacy-save`;
  return linesOf(tables.map(({ name }) => run(command, "", "-t", name)).join("\n"));
}

/** What chance depends on, iptables(8) fills up with whatever was there. */
const known = (extension: XtExtension): XtExtension | string =>
  extension.name === "statistic" ? extension.name : extension;

const plain = (tables: readonly XtTable[]) =>
  new Map(
    tables.map((table) => [
      table.name,
      new Map(
        [...table.chains].map(([name, { base, rules }]) => [
          name,
          {
            base,
            rules: rules.map(({ packets: _, ...rule }) => ({ ...rule, matches: rule.matches.map(known) })),
          },
        ]),
      ),
    ]),
  );

test("where there is no table none is read, and none is made by looking", () => {
  assert.deepEqual(readXtables(), []);
  assert.deepEqual(readXtables(), []);
  assert.equal(namesFile(4) + namesFile(6), "");
});

describe("as xtables", () => {
  for (const [program, text] of Object.entries(SAVES)) {
    test(`${program}'s rules are told in iptables-save's own words`, () => {
      const tables = loadLegacy(text);
      assert.deepEqual(written(tables), savedOf(tables));
      assert.deepEqual(written(tables), linesOf(text));
    });

    test(`${program}'s rules out of text are those that the kernel has`, () => {
      assert.deepEqual(plain(fromIptablesSave(text, 4)), plain(loadLegacy(text)));
    });
  }

  for (const family of [4, 6] as const) {
    test(`every word of IPv${family} is written as it was read, out of the kernel and out of text`, () => {
      const text = ALL_WORDS[family];
      const tables = loadLegacy(text, family);
      assert.deepEqual(written(tables), savedOf(tables));
      assert.deepEqual(written(fromIptablesSave(text, family)), savedOf(tables));
    });
  }

  test("looking changes nothing: the same tables, the same rules, the same order", () => {
    const before = [namesFile(4), run("iptables-legacy-save").replace(/^#.*$/gm, "")];
    assert.deepEqual(readXtables(), readXtables());
    assert.deepEqual([namesFile(4), run("iptables-legacy-save").replace(/^#.*$/gm, "")], before);
  });
});

const established = (packet: Packet) => ({
  ...newConnection(packet),
  state: "established" as const,
  status: 14,
});
const invalid = (packet: Packet) => ({ ...newConnection(packet), state: "invalid" as const });

/** Packets, and where they come from and go to. */
const ASKED: readonly { readonly packet: Packet; readonly around: Partial<Surroundings> }[] = [
  packetTo("192.0.2.1", {}, tcp(22)),
  packetTo("192.0.2.1", {}, tcp(8080)),
  packetTo("192.0.2.1", { from: "172.17.0.2" }, udp(53)),
  packetTo("192.0.2.1", { from: "172.17.0.2" }, tcp(8080)),
  packetTo("172.17.0.2", {}, tcp(80)),
  packetTo("172.17.0.2", {}, tcp(81)),
  packetTo("172.17.0.2", { from: "172.18.0.2" }, tcp(80)),
  packetTo("198.51.100.1", { from: "172.17.0.2" }, tcp(443)),
  packetTo("10.96.0.10", {}, tcp(80)),
  packetTo("10.96.0.11", {}, tcp(80)),
  packetTo("10.244.0.5", { from: "10.244.0.5", mark: 0x4000 }, tcp(8080)),
  packetTo("10.244.0.5", { mark: 0x2000 }, tcp(8080)),
  packetTo("224.0.0.251", {}, udp(5353, 5353)),
  packetTo("192.0.2.1", {}, { kind: "echo-request", identifier: 7, sequence: 1 }),
].flatMap((packet) =>
  [newConnection(packet), established(packet), invalid(packet)].flatMap((connection) =>
    (
      [
        [LINKS.eth0, LINKS.docker0],
        [LINKS.docker0, LINKS.eth0],
        [LINKS.br0, LINKS.docker0],
        [LINKS.docker0, LINKS.docker0],
      ] as const
    ).map(([from, to]) => ({ packet, around: { connection, in: from, out: to } })),
  ),
);

const HOOKS: Readonly<Record<string, readonly ("in" | "out")[]>> = {
  prerouting: ["in"],
  input: ["in"],
  forward: ["in", "out"],
  output: ["out"],
  postrouting: ["out"],
};

/** Everything that is asked at a hook, one after the other, as words. */
function verdictsAt(
  namespace: Namespace,
  hook: HookName,
  packet: Packet,
  more: Partial<Surroundings>,
): string[] {
  const around: Surroundings = { namespace, layer: "ip", hook, packetType: 0, routes, ...more };
  let outcomes: readonly Outcome[] = [{ verdict: { do: "accept" }, met: [], packet, assumptions: [] }];
  for (const stage of stagesOf(namespace, "ip", hook)) {
    outcomes = outcomes.flatMap((before) =>
      before.verdict.do === "accept"
        ? stage.run(before.packet, around).map((one) => ({ ...before, ...one }))
        : [before],
    );
  }
  return [...new Set(outcomes.map(said))].sort();
}

const said = ({ verdict, translation, packet, connectionMark }: Outcome): string => {
  const { rule: _, ...wish } = translation ?? { rule: undefined };
  const how = verdict.do === "reject" ? verdict.with : "";
  return `${verdict.do} ${how} ${JSON.stringify(wish)} mark ${packet.mark} ct mark ${connectionMark}`;
};

const linksAt = (hook: string, around: Partial<Surroundings>): Partial<Surroundings> => {
  const { in: into, out, ...rest } = around;
  const has = HOOKS[hook] ?? [];
  return {
    ...rest,
    ...(into !== undefined && has.includes("in") && { in: into }),
    ...(out !== undefined && has.includes("out") && { out }),
  };
};

describe("by iptables-nft and by xtables", () => {
  for (const [program, text] of Object.entries(SAVES)) {
    test(`${program}'s rules come to the same`, () => {
      const nft = namespaceWith(loadNft(text));
      const xtables = { ...namespaceWith(EMPTY_RULESET), xtables: loadLegacy(text) };
      const kinds = new Set<string>();
      for (const { packet, around } of ASKED) {
        for (const hook of Object.keys(HOOKS) as HookName[]) {
          const here = linksAt(hook, around);
          const one = verdictsAt(xtables, hook, packet, here);
          assert.deepEqual(verdictsAt(nft, hook, packet, here), one, `${program} at ${hook}`);
          for (const each of one) kinds.add(each);
        }
      }
      // Rule sets that treat all alike would show nothing.
      assert.ok(kinds.size >= 2, [...kinds].join("; "));
      assert.equal(tracksConnections(nft, 4), true);
      assert.equal(tracksConnections(xtables, 4), true);
      assert.equal(tracksConnections(nft, 6), false);
      assert.equal(tracksConnections(xtables, 6), false);
    });
  }
});
