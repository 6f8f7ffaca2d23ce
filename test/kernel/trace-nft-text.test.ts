/** Rules found again and told to people, and those that iptables-nft made. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import type { Topology } from "../../src/observe/types.ts";
import { describeNft } from "../../src/trace/firewall/nft/describe.ts";
import { disassemble } from "../../src/trace/firewall/nft/disassemble.ts";
import { applyTarget, matchExtension } from "../../src/trace/firewall/xt/extension.ts";
import type { RuleRef } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";
import {
  ask,
  done,
  Firewall,
  LINKS,
  namespaceWith,
  newConnection,
  packetTo,
  tcp,
  udp,
  verdicts,
} from "./trace-nft-fixture.ts";

isolated(import.meta);

const firewall = new Firewall();
after(() => firewall.close());

const iptables = (...rules: readonly string[]): void => {
  for (const rule of rules) execFileSync("iptables-nft", rule.split(" "));
};

const topologyOf = (path = "/proc/thread-self/ns/net"): Topology => {
  const namespace = { ...namespaceWith(firewall.read()), path };
  return {
    readAt: 0,
    namespaces: new Map([[namespace.id, namespace]]),
    host: namespace.id,
    engines: [],
    unread: [],
  };
};

/** All rules there are, and the policies. */
const refsIn = (topology: Topology): RuleRef[] =>
  [...topology.namespaces.values()].flatMap(({ id, nft }) =>
    nft.tables.flatMap(({ family, name, chains }) =>
      [...chains.values()].flatMap((chain) => {
        const ref = { in: "nft", namespace: id, family, table: name, chain: chain.name } as const;
        const rules = chain.rules.map(({ handle }) => ({ ...ref, handle }));
        return chain.base ? [...rules, ref] : rules;
      }),
    ),
  );

const RULES = `table inet t {
 set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }
 chain c {
  type filter hook input priority 0; policy drop;
  ip saddr @s tcp dport 22 counter accept comment "not { # handle 9"
  tcp dport { ${Array.from({ length: 80 }, (_, at) => at * 3 + 1).join(", ")} } drop
  ct state vmap { established : accept, invalid : drop }
  ip daddr 10.9.9.9 jump {
   tcp dport 1 accept
   drop
  }
  iifname "docker0" ip6 saddr fd00::1 meta mark set 0x7 return
 }
 chain d {
  log prefix "seen: "
 }
}`;

test("each rule is told as nft lists it, and each policy", () => {
  firewall.load(RULES);
  const topology = topologyOf();
  const told = describeNft(refsIn(topology), topology).map(({ text }) => text ?? "");
  const [first, ports, states, inner, last, policy, log] = told;
  assert.equal(first, 'ip saddr @s tcp dport 22 counter accept comment "not { # handle 9"');
  assert.match(ports ?? "", /^tcp dport \{ 1, 4, 7, .*, 238 \} drop$/);
  assert.match(states ?? "", /^ct state vmap \{ .* \}$/);
  assert.equal(inner, "ip daddr 10.9.9.9 jump { tcp dport 1 accept; drop }");
  assert.equal(last, 'iifname "docker0" ip6 saddr fd00::1 meta mark set 0x00000007 return');
  assert.equal(policy, "policy drop");
  assert.equal(log, 'log prefix "seen: "');
});

test("where nft can't be asked, rules are told from the topology", () => {
  firewall.load(RULES);
  const topology = topologyOf("/proc/self/ns/nothing");
  const [first, , states, inner, last, policy] = describeNft(refsIn(topology), topology);
  assert.equal(
    first?.text,
    'meta nfproto 0x02 @nh,96,32 @s meta l4proto 0x06 @th,16,16 0x0016 counter accept comment "not { # handle 9"',
  );
  assert.match(states?.text ?? "", /^ct state map @__map\d+$/);
  assert.match(inner?.text ?? "", /jump __chain\d+$/);
  assert.match(last?.text ?? "", /^meta iifname 0x[0-9a-f]+|^meta iifname "docker0"/);
  assert.equal(policy?.text, "policy drop");
});

test("a rule that is gone is told as it was, and what has a text keeps it", () => {
  firewall.load(RULES);
  const topology = topologyOf();
  const refs = refsIn(topology);
  firewall.load("");
  const [first] = describeNft(refs, topology);
  assert.match(first?.text ?? "", /^meta nfproto 0x02 /);
  const given = { ...(refs[0] as RuleRef), text: "as it was" };
  assert.deepEqual(describeNft([given], topology), [given]);
});

test("every rule of iptables-nft is told in one line", () => {
  firewall.load("");
  iptables(
    "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT",
    "-A INPUT -p tcp -m multiport --dports 80,443 -m limit --limit 3/min -j REJECT",
    "-t nat -A POSTROUTING -s 10.0.0.0/8 ! -o lo -j MASQUERADE",
    "-t nat -A OUTPUT -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80",
  );
  const topology = topologyOf();
  const told = describeNft(refsIn(topology), topology);
  assert.ok(told.every(({ text }) => text && !text.includes("\n")));
  assert.match(
    told.find((rule) => "table" in rule && rule.chain === "OUTPUT")?.text ?? "",
    /dnat to 10\.0\.0\.2:80$/,
  );
  for (const { rules } of topology.namespaces
    .get(topology.host)
    ?.nft.tables.flatMap(({ chains }) => [...chains.values()]) ?? [])
    for (const rule of rules) assert.notEqual(disassemble(rule), "");
});

test("rules of iptables-nft are carried out, extensions and all", () => {
  firewall.load("");
  iptables(
    "-N WEB",
    "-A INPUT -p tcp -m multiport --dports 80,443 -j WEB",
    "-A INPUT -p udp --dport 53 -j REJECT",
    "-A INPUT -m addrtype --dst-type LOCAL -m comment --comment mine -j MARK --set-mark 0x5",
    "-A WEB -s 10.0.0.0/24 -m conntrack --ctstate NEW -j ACCEPT",
    "-A WEB -j DROP",
    "-P INPUT ACCEPT",
    "-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80",
    "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
  );
  const rules = firewall.read();
  const extensions = { match: matchExtension, target: applyTarget };
  const says = (packet = packetTo("192.0.2.1"), more = {}) => ask(rules, packet, { extensions, ...more });
  assert.equal(verdicts(says()), "accept");
  assert.deepEqual(done(says()), ["jump WEB", "accept"]);
  assert.equal(verdicts(says(packetTo("192.0.2.1", { from: "10.7.0.1" }))), "drop");
  const answer = { ...newConnection(packetTo("192.0.2.1")), state: "established" };
  assert.equal(verdicts(says(packetTo("192.0.2.1"), { around: { connection: answer } })), "drop");
  assert.equal(verdicts(says(packetTo("192.0.2.1", {}, udp(53)))), "reject with icmp-port-unreachable");
  assert.equal(says(packetTo("192.0.2.1", {}, tcp(22)))[0]?.packet.mark, 5);
  assert.equal(says(packetTo("198.51.100.1", {}, tcp(22)))[0]?.packet.mark, 0);
  const translated = says(packetTo("192.0.2.1", {}, tcp(8080)), { hook: "prerouting" });
  assert.equal(verdicts(translated), "accept destination");
  assert.equal(translated[0]?.met.at(-1)?.does, "dnat to 10.0.0.2:80");
  const out = { hook: "postrouting", around: { in: LINKS.docker0, out: LINKS.eth0 } };
  assert.equal(verdicts(says(packetTo("198.51.100.1", { from: "172.17.0.2" }), out)), "accept masquerade");
});

test("names of tables and chains that nft would read as commands are never told to it", () => {
  firewall.load(RULES);
  const topology = topologyOf();
  const rule = { in: "nft", namespace: topology.host, family: "inet", handle: 2 } as const;
  const hostile = [
    { ...rule, table: "t; add table ip injected", chain: "c" },
    { ...rule, table: "t", chain: "c; add table ip injected" },
    { ...rule, table: "t\nadd table ip injected", chain: "__chain0" },
  ];
  for (const one of hostile) assert.deepEqual(describeNft([one], topology), [one]);
  assert.deepEqual(
    firewall.read().tables.map(({ name }) => name),
    ["t"],
  );
});
