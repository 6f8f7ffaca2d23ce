/** One rule at a time: what it makes of a packet, and what is said of it. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Carried } from "../../src/trace/packet/make.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { isolated } from "../support/isolated.ts";
import {
  type Asked,
  ask,
  done,
  Firewall,
  LINKS,
  newConnection,
  packetTo,
  tcp,
  udp,
  verdicts,
} from "./trace-nft-fixture.ts";

isolated(import.meta);

const firewall = new Firewall();
after(() => firewall.close());

const SETS = `set seen { type ipv4_addr; flags dynamic; size 10; }
 set guests { type ipv4_addr; counter; elements = { 10.0.0.9 counter packets 0 bytes 0 }; }
 quota q { over 1 mbytes; }
 limit l { rate 1/second; }
 counter n { }
 map limits { type inet_service : limit; elements = { 80 : "l" }; }`;

const WEB = packetTo("192.0.2.1", {}, tcp(80));

/** A table with one chain of these rules, asked. */
function outcomesOf(rules: string, packet: Packet = WEB, asked: Asked & { base?: string } = {}) {
  const { base = `type filter hook ${asked.hook ?? "input"} priority 0; policy accept;` } = asked;
  const ruleset = firewall.load(`table inet t {\n ${SETS}\n chain c {\n ${base}\n ${rules}\n }\n}`);
  return ask(ruleset, packet, asked);
}

describe("what is certain", () => {
  const cases: readonly (readonly [string, string, Packet?, Asked?])[] = [
    ["tcp dport 80 reject with tcp reset", "reject with tcp reset"],
    ["reject", "reject with icmp-port-unreachable"],
    ["reject", "reject with icmp6-port-unreachable", packetTo("fd00::1", { from: "fd00::2" })],
    ["reject with icmpx admin-prohibited", "reject with icmp-admin-prohibited"],
    [
      "reject with icmpx admin-prohibited",
      "reject with icmp6-admin-prohibited",
      packetTo("fd00::1", { from: "fd00::2" }),
    ],
    ["reject with icmpv6 no-route", "accept"],
    ["quota over 10 bytes drop", "drop"],
    ["quota over 10 mbytes drop", "accept"],
    ["quota 10 mbytes drop", "drop"],
    ["ip saddr @guests drop", "drop"],
    ["counter name n drop", "drop"],
    ["add @seen { ip saddr } drop", "drop"],
    ["add @seen { ip saddr }\n drop", "drop"],
    ["delete @seen { ip saddr }\n drop", "drop"],
    ['ct helper "ftp" drop', "accept"],
    ["ct label 3 drop", "accept"],
    ["ct zone 0 drop", "drop"],
    ["ct status snat drop", "accept"],
    ["ct original ip saddr 10.0.0.9 drop", "drop"],
    ["ct reply ip saddr 10.0.0.9 drop", "accept"],
    ["ct original ip6 saddr ::1 drop", "accept"],
    ["fib daddr type local drop", "drop"],
    ["fib daddr . iif type != local drop", "accept"],
    ["fib saddr . iif oif missing drop", "accept"],
    ["fib saddr . iif oif missing drop", "drop", packetTo("192.0.2.1", { from: "172.17.0.9" })],
    ['fib saddr oifname "docker0" drop', "drop", packetTo("192.0.2.1", { from: "172.17.0.9" })],
    ['fib saddr oif "lo" drop', "accept"],
    ['iifname "docker*" drop', "accept"],
    ['iifname "docker*" drop', "drop", WEB, { around: { in: LINKS.docker0 } }],
    ['meta iifkind "bridge" drop', "drop", WEB, { around: { in: LINKS.docker0 } }],
    ['meta iifkind "bridge" drop', "accept"],
    ['meta sdif "lo" drop', "accept"],
    ["meta mark set 0x80\n meta mark set meta mark >> 3\n meta mark 0x10 drop", "drop"],
    ["meta mark set 0x3\n meta mark set meta mark << 31\n meta mark 0x80000000 drop", "drop"],
    ["ct mark set 5\n ct mark 5 drop", "drop"],
    ["tcp option maxseg size set 1400\n drop", "drop"],
    ["tcp dport set 81\n tcp dport 81 drop", "drop"],
    ["tcp dport vmap { 80 : return, 81 : drop }\n drop", "accept"],
    ["ip saddr vmap { 10.0.0.1 : accept, * : drop }", "drop"],
    ["meta l4proto { icmp, ipv6-icmp } drop", "accept"],
    ["ether saddr 02:00:00:00:00:01 drop", "accept"],
    ["ip option rr exists drop", "accept"],
    ["exthdr frag exists drop", "accept"],
    ["synproxy mss 1460 wscale 7\n drop", "elsewhere"],
    ["synproxy mss 1460 wscale 7\n drop", "drop", packetTo("192.0.2.1", {}, udp(53))],
    ["udp dport set 53", "accept"],
    [
      "@ih,0,16 0x4142 drop",
      "drop",
      packetTo("192.0.2.1", {}, { ...udp(53), data: Buffer.from("AB") } as Carried),
    ],
    ["@ih,0,16 0x4142 drop", "accept", packetTo("192.0.2.1", {}, udp(53))],
    ['log prefix "x" limit rate 1/second\n drop', "drop"],
    ["meta nftrace set 1\n drop", "drop"],
  ];
  for (const [rules, wanted, packet, asked] of cases) {
    test(`${rules.replaceAll("\n", ";")} → ${wanted}${packet ? " (another packet)" : ""}`, () => {
      assert.equal(verdicts(outcomesOf(rules, packet, asked)), wanted);
    });
  }
});

describe("what can't be decided forks, and says what it takes for granted", () => {
  const cases: readonly (readonly [string, string, readonly string[], Packet?])[] = [
    [
      "limit rate 3/second accept\n drop",
      "accept or drop",
      ["the limit is not used up", "the limit is used up"],
    ],
    ["limit rate over 3/second drop", "accept or drop", ["the limit is not used up", "the limit is used up"]],
    ["limit name l drop", "drop or accept", ["the limit is not used up", "the limit is used up"]],
    [
      "limit name tcp dport map @limits drop",
      "drop or accept",
      ["the limit is not used up", "the limit is used up"],
    ],
    [
      "ct count over 5 drop",
      "accept or drop",
      ["there are no more than 5 connections", "there are more than 5 connections"],
    ],
    [
      "numgen random mod 2 vmap { 0 : accept, 1 : drop }",
      "accept or drop",
      ["the random number is 0", "the random number is 1"],
    ],
    ["numgen inc mod 2 vmap { 0 : drop, 1 : drop }", "drop", []],
    [
      "jhash ip saddr mod 2 vmap { 0 : accept, 1 : drop }",
      "accept or drop",
      ["the hash is 0", "the hash is 1"],
    ],
    [
      "numgen random mod 100 < 10 drop",
      "drop or accept",
      ["the random number matches", "the random number does not match"],
    ],
    ["meta cpu 0 drop", "drop or accept", ["the processor matches", "the processor does not match"]],
    [
      "meta cpu { 0, 1 } drop",
      "drop or accept",
      ["the processor is in the rule's set", "the processor is not in the rule's set"],
    ],
    ["meta hour 10:00-11:00 drop", "drop or accept", ["the hour matches", "the hour does not match"]],
    ["meta skuid 0 drop", "accept or drop or accept", ["no socket of a program is behind the packet"]],
    [
      "socket transparent 1 drop",
      "accept or drop",
      ["a socket here is waiting for the packet", "what is asked of the socket matches"],
    ],
    [
      "rt classid 3 drop",
      "drop or accept",
      ["the realm of the route matches", "the realm of the route does not match"],
    ],
    [
      'osf name "Linux" drop',
      "drop or accept",
      ["the expression osf matches", "what the expression osf found matches"],
    ],
    [
      "update @seen { ip saddr limit rate 1/second } drop",
      "drop or accept",
      ["the limit is not used up", "the limit is used up"],
    ],
  ];
  for (const [rules, wanted, assumed, packet] of cases) {
    test(rules.replaceAll("\n", ";"), () => {
      const outcomes = outcomesOf(rules, packet);
      const told = outcomes.flatMap(({ assumptions }) => assumptions);
      const merged = [...new Set(verdicts(outcomes).split(" or "))].sort().join(" or ");
      assert.equal(merged, [...new Set(wanted.split(" or "))].sort().join(" or "));
      for (const sentence of assumed)
        assert.ok(
          told.some((one) => one.startsWith(`${sentence} (rule `) && one.endsWith(" of inet t c)")),
          `${sentence}: ${told}`,
        );
      if (assumed.length === 0) assert.deepEqual(told, []);
    });
  }

  test("of more ways than anybody reads, some are told, and that they are some", () => {
    const rules = Array.from(
      { length: 8 },
      (_, at) =>
        `meta mark set numgen random mod 4 offset ${at * 4}\n meta cpu ${at} tcp dport set ${at + 100}`,
    );
    const outcomes = outcomesOf(rules.join("\n"));
    assert.ok(outcomes.length <= 16, `${outcomes.length}`);
    assert.ok(
      outcomes.some(({ assumptions }) =>
        assumptions.includes("there are more ways than can be told: these are some"),
      ),
    );
  });
});

describe("translation", () => {
  const nat = (hook: "prerouting" | "postrouting", rules: string, packet: Packet = WEB) => {
    const priority = hook === "prerouting" ? -100 : 100;
    const asked = { hook, base: `type nat hook ${hook} priority ${priority};` } as const;
    return outcomesOf(rules, packet, asked);
  };
  const wishOf = (outcomes: ReturnType<typeof nat>) =>
    outcomes.map(({ translation }) => {
      if (!translation) return "none";
      const address =
        "address" in translation && translation.address ? [...translation.address].join(".") : "";
      return [translation.what, address, translation.ports?.join("-")].filter(Boolean).join(" ");
    });

  test("of all kinds", () => {
    assert.deepEqual(wishOf(nat("prerouting", "tcp dport 80 redirect to :3000")), ["redirect 3000-3000"]);
    assert.deepEqual(wishOf(nat("prerouting", "tcp dport 80 dnat ip to 10.0.0.1:80-90")), [
      "destination 10.0.0.1 80-90",
    ]);
    assert.deepEqual(wishOf(nat("prerouting", "dnat ip6 to fd00::1")), ["none"]);
    assert.deepEqual(wishOf(nat("postrouting", "meta l4proto tcp masquerade to :1000-2000")), [
      "masquerade 1000-2000",
    ]);
    assert.deepEqual(
      wishOf(nat("postrouting", "snat ip prefix to ip saddr map { 10.0.0.0/24 : 192.168.5.0/24 }")),
      ["source 192.168.5.9"],
    );
    const spread = nat("prerouting", "dnat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }");
    assert.deepEqual(wishOf(spread), ["destination 10.0.0.1", "destination 10.0.0.2"]);
    const range = nat("postrouting", "snat ip to 1.1.1.1-1.1.1.4");
    assert.deepEqual(wishOf(range), ["source 1.1.1.1"]);
  });

  test("is what the rule says that it does, and ends the chain", () => {
    const outcomes = nat("prerouting", "tcp dport 80 counter dnat ip to 10.0.0.1:8080\n drop");
    assert.deepEqual(done(outcomes), ["dnat to 10.0.0.1:8080"]);
    const six = nat(
      "prerouting",
      "tcp dport 80 dnat ip6 to [fd00::1]:8080",
      packetTo("fd00::2", { from: "fd00::3" }),
    );
    assert.deepEqual(done(six), ["dnat to [fd00::1]:8080"]);
  });
});

describe("chains", () => {
  const ruleset = (text: string) => firewall.load(text);
  const chain = (name: string, hook: string, rules: string) =>
    `chain ${name} {\n type filter hook ${hook}\n ${rules}\n }`;

  test("go from one to the next by priority; an acceptance ends its own alone, a drop all", () => {
    const rules = ruleset(`table inet late {\n ${chain("c", "input priority 10", "drop")}\n}
table ip early {\n ${chain("c", "input priority -10", "accept")}\n}`);
    const outcomes = ask(rules, WEB);
    assert.equal(verdicts(outcomes), "drop");
    assert.deepEqual(
      outcomes[0]?.met.map(({ rule, does }) => [rule.table, does]),
      [
        ["early", "accept"],
        ["late", "drop"],
      ],
    );
    assert.equal(verdicts(ask(rules, packetTo("fd00::1", { from: "fd00::2" }))), "drop");
  });

  test("jump, go to and return as the kernel has it", () => {
    const rules = ruleset(`table inet t {
 chain gone {
  tcp dport 80 return
  drop
 }
 chain inner {
  tcp dport 80 goto gone
  drop
 }
 ${chain("c", "input priority 0; policy drop", "jump inner\n meta mark set 7\n tcp dport 80 goto gone\n accept")}
}`);
    const outcomes = ask(rules, WEB);
    assert.equal(verdicts(outcomes), "drop");
    assert.deepEqual(
      outcomes[0]?.met.map(({ does }) => does),
      ["jump inner", "goto gone", "return", "set mark 0x7", "goto gone", "return", "policy drop"],
    );
    const [verdict] = outcomes.map((one) => one.verdict);
    assert.ok(verdict?.do === "drop" && verdict.by.in === "nft" && verdict.by.handle === undefined);
  });

  test("of dormant tables, other links and other layers are not asked", () => {
    const rules = ruleset(`table inet asleep {\n flags dormant\n ${chain("c", "input priority 0", "drop")}\n}
table netdev n {\n ${chain("c", "ingress device lo priority 0", "drop")}\n}
table inet i {\n ${chain("c", "ingress device lo priority 5", "meta nfproto ipv4 drop")}\n}
table bridge b {\n ${chain("c", "prerouting priority 0", "ip saddr 10.0.0.9 drop")}\n}
table arp a {\n ${chain("c", "input priority 0", "drop")}\n}`);
    assert.equal(verdicts(ask(rules, WEB)), "accept");
    const netdev = { layer: "netdev", hook: "ingress" } as const;
    assert.equal(verdicts(ask(rules, WEB, netdev)), "accept");
    const outcomes = ask(rules, WEB, { ...netdev, around: { in: LINKS.lo } });
    assert.equal(outcomes[0]?.met[0]?.rule.table, "n");
    const bridge = { layer: "bridge", hook: "prerouting" } as const;
    assert.equal(verdicts(ask(rules, WEB, bridge)), "drop");
    assert.equal(verdicts(ask(rules, WEB, { layer: "arp" })), "drop");
  });

  test("before tracking has looked, all is invalid, and may be left untracked", () => {
    const rules = ruleset(
      `table ip t {\n ${chain("c", "prerouting priority -300", "ct state new drop\n ct state invalid notrack\n ct state untracked accept\n drop")}\n}`,
    );
    const outcomes = ask(rules, WEB, { hook: "prerouting", tracked: false });
    assert.equal(verdicts(outcomes), "accept");
    assert.equal(outcomes[0]?.notrack, true);
    const tracked = { connection: newConnection(WEB) };
    assert.equal(verdicts(ask(rules, WEB, { hook: "prerouting", around: tracked })), "drop");
  });
});
