/** Which rules make the kernel track connections: what is said against what it does. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { after, beforeEach, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { FAMILIES, type Family } from "../../src/lib/ip.ts";
import { readXtables } from "../../src/linux/xtables/read.ts";
import { tracksConnections } from "../../src/trace/firewall/stages.ts";
import { isolated } from "../support/isolated.ts";
import { Firewall, namespaceWith } from "./trace-nft-fixture.ts";

isolated(import.meta);

const firewall = new Firewall();
after(() => firewall.close());
beforeEach(() => {
  firewall.load("");
  legacy("*filter\nCOMMIT\n*nat\nCOMMIT\n*raw\nCOMMIT\n");
});

function legacy(text: string): void {
  const { status, stderr } = spawnSync("iptables-legacy-restore", { input: text, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

const chain =
  (hook: string, rule: string, { family = "ip", type = "filter", flags = "" } = {}) =>
  () => {
    firewall.load(
      `table ${family} t {\n${flags}\nchain c {\ntype ${type} hook ${hook} priority 0\n${rule}\n}\n}\n`,
    );
  };
const xt =
  (table: string, ...rules: readonly string[]) =>
  () =>
    legacy(`*${table}\n${rules.map((rule) => `-A ${rule}\n`).join("")}COMMIT\n`);
const iptablesNft = (table: string, rule: string) => () => {
  const input = `*${table}\n-A ${rule}\nCOMMIT\n`;
  const { status, stderr } = spawnSync("iptables-nft-restore", { input, encoding: "utf8" });
  assert.equal(status, 0, stderr);
};

const CASES: Readonly<Record<string, () => void>> = {
  nothing: () => undefined,
  "a nat table without rules": xt("nat"),
  "a nat table that only counts": xt("nat", "POSTROUTING -p sctp"),
  MASQUERADE: xt("nat", "POSTROUTING -p sctp -j MASQUERADE"),
  DNAT: xt("nat", "PREROUTING -p tcp -j DNAT --to-destination 192.0.2.1"),
  "-m state": xt("filter", "INPUT -m state --state NEW"),
  "-m connmark": xt("filter", "INPUT -m connmark --mark 1"),
  "-m connlimit": xt("filter", "INPUT -m connlimit --connlimit-above 20"),
  "-m socket, -m addrtype": xt("filter", "INPUT -m socket", "INPUT -m addrtype --dst-type LOCAL"),
  "CT --notrack": xt("raw", "OUTPUT -p sctp -j CT --notrack"),
  "CT --zone": xt("raw", "OUTPUT -p sctp -j CT --zone 3"),
  "iptables-nft's conntrack": iptablesNft("filter", "INPUT -m conntrack --ctstate NEW"),
  "iptables-nft's MASQUERADE": iptablesNft("nat", "POSTROUTING -p sctp -j MASQUERADE"),
  "iptables-nft's NOTRACK": iptablesNft("raw", "OUTPUT -p sctp -j CT --notrack"),
  "a nat chain without rules": chain("postrouting", "", { type: "nat" }),
  "ct state": chain("input", "ct state new"),
  "ct state of both families": chain("input", "ct state new", { family: "inet" }),
  "ct mark set": chain("output", "ct mark set 3"),
  "ct count": chain("input", "meta l4proto 132 ct count over 3 drop"),
  notrack: chain("output", "meta l4proto 132 notrack"),
  fib: chain("input", "fib daddr type local"),
  "snat of one family in a table of both": chain(
    "postrouting",
    "meta nfproto ipv6 meta l4proto 132 snat to 2001:db8::1",
    { family: "inet", type: "nat" },
  ),
  "masquerade in a table of both": chain("postrouting", "meta l4proto 132 masquerade", {
    family: "inet",
    type: "nat",
  }),
  "a dormant table": chain("input", "ct state new", { flags: "flags dormant" }),
};

/** Any address of these is this namespace's own. */
const NETS = { 4: "127.0.0.0/8", 6: "fd00::/64" };
spawnSync("ip", ["route", "add", "local", NETS[6], "dev", "lo"]);

const senders = { 4: createSocket("udp4"), 6: createSocket("udp6") };
after(() => {
  for (const sender of Object.values(senders)) sender.close();
});

/** Never the same twice: what is known of it is of this packet. */
let host = 1;

/** Whether a packet over loopback leaves a connection behind. */
async function tracked(family: Family): Promise<boolean> {
  host += 1;
  const last = host.toString(16).padStart(4, "0");
  const to = family === 4 ? `127.0.${host >> 8}.${host & 0xff}` : `fd00::${last}`;
  const known = family === 4 ? to : `fd00:${"0000:".repeat(6)}${last}`;
  await new Promise((resolve) => senders[family].send("x", 9, to, resolve));
  // It may be on its way still.
  await setTimeout(3);
  return readFileSync("/proc/self/net/nf_conntrack", "utf8").includes(`dst=${known} `);
}

/** Rules that are deleted let go of tracking a little later, and a busy machine takes its time with packets. */
async function comesTo(expected: boolean, family: Family): Promise<boolean> {
  for (let tries = 0; tries < 500; tries += 1) if ((await tracked(family)) === expected) return expected;
  return !expected;
}

for (const [name, load] of Object.entries(CASES)) {
  test(name, async () => {
    for (const family of FAMILIES)
      assert.equal(await comesTo(false, family), false, "untracked without rules");
    load();
    const namespace = { ...namespaceWith(firewall.read()), xtables: readXtables() };
    for (const family of FAMILIES) {
      const said = tracksConnections(namespace, family);
      assert.equal(await comesTo(said, family), said, `IPv${family}`);
    }
  });
}

test("the cases show both answers, of either family", () => {
  assert.equal(readFileSync("/proc/self/net/nf_conntrack", "utf8").includes("ipv4"), true);
  assert.equal(readFileSync("/proc/self/net/nf_conntrack", "utf8").includes("ipv6"), true);
});
