import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { after, test } from "node:test";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/linux/netlink/socket.ts";
import { readGeneration, readRuleset } from "../../src/linux/nftables/read-ruleset.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const socket = new NetlinkSocket(NETLINK_NETFILTER);
after(() => socket.close());

const nft = (text: string): void => {
  execFileSync("nft", ["-f", "-"], { input: `flush ruleset\n${text}\n` });
};
const only = <T>(values: Iterable<T>): T => {
  const [one, ...others] = values;
  assert.ok(one !== undefined && others.length === 0);
  return one;
};

test("a namespace without rules has no tables", () => {
  assert.deepEqual(readRuleset(socket), { generation: readGeneration(socket), tables: [] });
});

test("tables, chains, rules and sets are told as they were made", () => {
  nft(`table inet t {
  flags dormant
  chain named { }
  chain base {
   type nat hook postrouting priority srcnat + 3; policy drop;
   tcp dport 22 counter accept comment "let me in"
   jump named
  }
 }
 table netdev n {
  chain c {
   type filter hook ingress devices = { lo } priority -5
  }
 }
 table arp a {
  chain c {
   type filter hook output priority 0
  }
 }`);
  const { tables } = readRuleset(socket);
  assert.deepEqual(
    tables.map(({ family, name, dormant, owned }) => ({ family, name, dormant, owned })),
    [
      { family: "inet", name: "t", dormant: true, owned: false },
      { family: "netdev", name: "n", dormant: false, owned: false },
      { family: "arp", name: "a", dormant: false, owned: false },
    ],
  );
  const [inet, netdev, arp] = tables.map(({ chains }) => chains);
  assert.deepEqual(inet?.get("base")?.base, {
    type: "nat",
    hook: "postrouting",
    priority: 103,
    policy: "drop",
    devices: [],
  });
  assert.equal(inet?.get("named")?.base, undefined);
  const [first, second] = inet?.get("base")?.rules ?? [];
  assert.equal(first?.comment, "let me in");
  assert.deepEqual(
    first?.expressions.map(({ name }) => name),
    ["meta", "cmp", "payload", "cmp", "counter", "immediate"],
  );
  assert.ok(second && first && second.handle > first.handle);
  const ingress = netdev?.get("c")?.base;
  assert.deepEqual([ingress?.hook, ingress?.priority, ingress?.devices], ["ingress", -5, ["lo"]]);
  assert.equal(arp?.get("c")?.base?.hook, "output");
});

test("sets of all kinds, and what is in them", () => {
  nft(`table ip t {
  limit l { rate 1/second; }
  set plain { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/24 . 80-90 }; }
  map verdicts { type inet_service : verdict; elements = { 22 : accept, 23 : jump other, * : drop }; }
  map ports { type inet_service : ipv4_addr . inet_service; elements = { 80 : 10.0.0.1 . 8080 }; }
  map limits { type inet_service : limit; elements = { 80 : "l" }; }
  set counted { type ipv4_addr; flags dynamic,timeout; counter; timeout 1h; elements = { 10.0.0.7 }; }
  chain other { }
  chain c { tcp dport { 1, 2 } accept; }
 }`);
  const { sets } = only(readRuleset(socket).tables);
  const elements = (name: string) => sets.get(name)?.elements() ?? [];
  assert.deepEqual(
    elements("plain")
      .map(({ key }) => [...key])
      .sort(),
    [
      [10, 0, 0, 1],
      [10, 0, 0, 2],
    ],
  );
  assert.deepEqual(
    elements("nets")
      .filter(({ key }) => key[0] !== 0)
      .map(({ key, end }) => [[...key], end])
      .sort(),
    [
      [[10, 0, 0, 0], false],
      [[11, 0, 0, 0], true],
    ],
  );
  const pairs = sets.get("pairs");
  assert.deepEqual([pairs?.concatenation, pairs?.interval, pairs?.fields], [true, true, [4, 2]]);
  assert.deepEqual(
    elements("pairs").map(({ key, keyEnd }) => [[...key], [...(keyEnd ?? [])]]),
    [
      [
        [10, 0, 0, 0, 0, 80, 0, 0],
        [10, 0, 0, 255, 0, 90, 0, 0],
      ],
    ],
  );
  const verdicts = elements("verdicts").map(({ verdict, catchall }) => [verdict, catchall]);
  assert.deepEqual(
    new Set(verdicts.map((one) => JSON.stringify(one))),
    new Set([
      '[{"code":"accept"},false]',
      '[{"code":"jump","chain":"other"},false]',
      '[{"code":"drop"},true]',
    ]),
  );
  assert.deepEqual([...(only(elements("ports")).data ?? [])], [10, 0, 0, 1, 0x1f, 0x90, 0, 0]);
  assert.deepEqual([sets.get("limits")?.objectType, only(elements("limits")).object], [4, "l"]);
  const counted = only(elements("counted"));
  assert.deepEqual(
    [sets.get("counted")?.dynamic, counted.expressions.map(({ name }) => name)],
    [true, ["counter"]],
  );
  const anonymous = [...sets.values()].filter((set) => set.anonymous);
  assert.equal(only(anonymous).elements().length, 2);
});

test("ten thousand elements are all there, in whatever number of messages they come", () => {
  const elements = Array.from({ length: 10_000 }, (_, at) => `${at + 1} : 10.0.${at >> 8}.${at & 255}`);
  nft(`table ip t {\n map m { type inet_service : ipv4_addr; elements = { ${elements.join(", ")} }; }\n}`);
  const found = only(only(readRuleset(socket).tables).sets.values()).elements();
  assert.equal(new Set(found.map(({ key }) => (key[0] ?? 0) * 256 + (key[1] ?? 0))).size, 10_000);
});

test("while somebody else changes the rules, each reading is of one moment", async () => {
  nft("table ip t {\n}");
  // Each transaction puts a chain and a rule that counts as many as its name says in place of the one before.
  const script = `i=0; while [ $i -lt 40 ]; do i=$((i+1)); printf 'flush ruleset
table ip t {
 set s { type inet_service; elements = { %d }; }
 chain c%d {
  tcp dport @s accept comment "%d"
 }
}\\n' $i $i $i | nft -f -; done`;
  const other = spawn("sh", ["-c", script], { stdio: "ignore" });
  const done = new Promise((resolve) => other.on("exit", resolve));
  const seen = new Set<string>();
  while (other.exitCode === null) {
    const { chains, sets } = only(readRuleset(socket).tables);
    for (const chain of chains.values()) {
      const element = only(only(sets.values()).elements());
      const number = `${(element.key[0] ?? 0) * 256 + (element.key[1] ?? 0)}`;
      assert.deepEqual([chain.name, only(chain.rules).comment], [`c${number}`, number]);
      seen.add(number);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  assert.ok(seen.size > 1, `${seen.size}`);
});
