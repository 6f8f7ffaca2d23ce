/** What other firewalls do to what we forward, read from their rules. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePrefix } from "../../src/lib/ip.ts";
import type { Link } from "../../src/linux/kernel.ts";
import { flowsOf, framesOf, type PathFacts, uplinksOf } from "../../src/network/coexistence/flows.ts";
import { findDrops, sentence } from "../../src/network/coexistence/foreign.ts";
import { readIptablesSave } from "../../src/network/coexistence/iptables-save.ts";
import { forwardTables, readTable } from "../../src/network/coexistence/nft-json.ts";
import type { Table } from "../../src/network/coexistence/ruleset.ts";
import {
  DOCKERD_20,
  DOCKERD_28,
  firewalld,
  forwardHook,
  nftTable,
  PODMAN,
  UFW,
  UFW_ROUTED,
} from "./coexistence-firewalls.ts";

const link = (ifindex: number, name: string, more: Partial<Link> = {}): Link => ({
  ifindex,
  name,
  mtu: 1500,
  up: true,
  loopback: false,
  ...more,
});

const facts: PathFacts = {
  links: [
    link(1, "lo", { loopback: true }),
    link(2, "eth0"),
    link(3, "br-a", { kind: "bridge" }),
    link(4, "br-b", { kind: "bridge" }),
  ],
  addresses: [
    { ifindex: 3, address: parsePrefix("172.30.0.1/16"), scope: 0 },
    { ifindex: 3, address: parsePrefix("fd00:a::1/64"), scope: 0 },
    { ifindex: 3, address: parsePrefix("fe80::1/64"), scope: 253 },
    { ifindex: 4, address: parsePrefix("172.31.0.1/16"), scope: 0 },
  ],
  routes: [{ to: "default", ifindex: 2, table: 254, type: 1 }],
  bridgeNetfilter: { 4: false, 6: false },
};
const shown: PathFacts = { ...facts, bridgeNetfilter: { 4: true, 6: true } };

const saved = (text: string, more: Partial<Pick<Table, "tool" | "family">> = {}) =>
  readIptablesSave(text, { tool: "iptables", family: "ip", ...more });

/** The JSON of one table. */
const listed = (json: string): Table[] => forwardTables(json).map((place) => readTable(json, place).table);

const told = (tables: readonly Table[], bridges = ["br-a"], host = facts): string[] =>
  findDrops(tables, flowsOf(bridges, host), framesOf(bridges)).map((finding) => sentence(finding, "eth0"));

describe("iptables' tables", () => {
  test("ufw drops by its policy, and its own command makes way", () => {
    assert.deepEqual(told(saved(UFW)), [
      "ufw drops what is forwarded for br-a: table ip filter of iptables, chain FORWARD, policy drop. To let it pass: ufw route allow in on br-a; ufw route allow out on br-a",
    ]);
    assert.deepEqual(told(saved(UFW_ROUTED)), []);
  });

  test("dockerd drops by its policy, whatever its version", () => {
    for (const rules of [DOCKERD_20, DOCKERD_28]) {
      assert.deepEqual(told(saved(rules), ["br-a", "br-b"]), [
        "dockerd drops what is forwarded for br-a, br-b: table ip filter of iptables, chain FORWARD, policy drop. To let it pass: iptables -I DOCKER-USER -o br-a -j ACCEPT; iptables -I DOCKER-USER -i br-a -o eth0 -j ACCEPT; iptables -I DOCKER-USER -o br-b -j ACCEPT; iptables -I DOCKER-USER -i br-b -o eth0 -j ACCEPT",
      ]);
    }
  });

  test("what dockerd left behind for a bridge of the same name drops what enters it alone", () => {
    const docker0 = { ...facts, links: [...facts.links, link(5, "docker0", { kind: "bridge" })] };
    const host = {
      ...docker0,
      addresses: [{ ifindex: 5, address: parsePrefix("172.17.0.1/16"), scope: 0 }],
    };
    const [first, ...more] = told(saved(DOCKERD_20), ["docker0"], host);
    assert.match(first ?? "", /^dockerd drops what containers on docker0 are sent at published ports: /);
    assert.deepEqual(more, []);
  });

  test("podman drops nothing", () => {
    assert.deepEqual(told(saved(PODMAN)), []);
  });

  test("of the legacy kind they are changed by its own command", () => {
    const [only] = told(saved("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", { tool: "iptables-legacy" }));
    assert.match(only ?? "", /iptables-legacy -I FORWARD -o br-a -j ACCEPT/);
    assert.match(only ?? "", /^the host's firewall drops/);
  });

  test("a family that no network has is of no matter", () => {
    assert.deepEqual(told(saved(UFW, { family: "ip6" }), ["br-b"]), []);
    assert.equal(told(saved(UFW, { family: "ip6" }), ["br-a"]).length, 1);
  });

  test("frames between two containers meet them where the bridge shows them", () => {
    const accepting = UFW_ROUTED.replace(
      "-A ufw-user-forward -i br-a -j ACCEPT",
      "-A ufw-user-forward -i br-a -o eth0 -j ACCEPT",
    ).replace("-A ufw-user-forward -o br-a -j ACCEPT", "-A ufw-user-forward ! -i br-a -o br-a -j ACCEPT");
    assert.deepEqual(told(saved(accepting)), []);
    assert.match(
      told(saved(accepting), ["br-a"], shown)[0] ?? "",
      /what containers on br-a send to one another/,
    );
    const bridged = accepting
      .replace("*filter", "*filter")
      .replace(
        "-A FORWARD -j ufw-before-logging-forward",
        "-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT\n-A FORWARD -j ufw-before-logging-forward",
      );
    assert.deepEqual(told(saved(bridged), ["br-a"], shown), []);
  });

  test("what can't be judged is said to be so", () => {
    const marked = UFW.replace(
      "-A FORWARD -j ufw-before-forward",
      "-A FORWARD -m mark --mark 0x1 -j ACCEPT\n-A FORWARD -j ufw-before-forward",
    );
    assert.match(told(saved(marked))[0] ?? "", /^ufw may drop \(not all of its rules can be judged\) /);
  });

  test("an administrator's rule about something of its own is not a warning", () => {
    const own =
      "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --dport 25 -j DROP\n-A FORWARD -s 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n";
    assert.deepEqual(told(saved(own)), []);
  });

  test("a rule that drops all is named by its own words", () => {
    const [only] = told(
      saved(
        '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i br+ -m comment --comment "no \\"guests\\" -j ACCEPT" -j DROP\nCOMMIT\n',
      ),
    );
    assert.match(
      only ?? "",
      /what containers on br-a send out: .* chain FORWARD, -A FORWARD -i br\+ .* -j DROP\. /,
    );
  });
});

describe("nft's tables", () => {
  test("firewalld lets published ports in, and nothing out of zones that it was not told of", () => {
    assert.deepEqual(told(listed(firewalld())), [
      "firewalld drops what containers on br-a send out: table inet firewalld, chain filter_FWD_public, handle 11. To let it pass: firewall-cmd --permanent --zone=trusted --add-interface=br-a; firewall-cmd --reload",
    ]);
    assert.deepEqual(told(listed(firewalld("br-a"))), []);
    assert.match(
      told(listed(firewalld("br-a")), ["br-a", "br-b"])[0] ?? "",
      /what containers on br-b send out/,
    );
  });

  const policy = (rules: Record<string, unknown>[][], family = "inet") =>
    listed(nftTable(family, "filter", { forward: { ...forwardHook("drop"), rules } }));
  const accept = { accept: null };
  const meta = (key: string) => ({ meta: { key } });

  test("a policy of an administrator's", () => {
    assert.deepEqual(told(policy([])), [
      "the host's firewall drops what is forwarded for br-a: table inet filter, chain forward, policy drop. To let it pass: nft insert rule inet filter forward iifname br-a accept; nft insert rule inet filter forward oifname br-a accept",
    ]);
  });

  test("accepts are found in every form", () => {
    const through = (...left: Record<string, unknown>[]) => told(policy([[...left, accept]])).length;
    const match = (left: unknown, right: unknown, op = "==") => ({ match: { op, left, right } });
    assert.equal(through(match({ ct: { key: "state" } }, ["established", "new"], "in")), 0);
    assert.equal(through(match({ ct: { key: "state" } }, { set: ["new"] })), 0);
    assert.equal(through(match(meta("iifname"), "lo", "!=")), 0);
    assert.equal(through(match(meta("l4proto"), { set: ["tcp", "udp"] })), 0);
    assert.equal(
      through({ counter: { packets: 0, bytes: 0 } }, { xt: { type: "match", name: "comment" } }),
      0,
    );
    assert.equal(through(match(meta("iifname"), { set: ["br-a", "eth*"] })), 0);
    // These are not of ours, or of a part only.
    assert.equal(through(match(meta("l4proto"), "icmp")), 1);
    assert.equal(through(match(meta("iifname"), "br-a")), 1);
    assert.equal(through(match(meta("nfproto"), "ipv4")), 1);
    assert.equal(through(match(meta("protocol"), "ip6")), 1);
    // Who sends to a published port isn't known: that may be met.
    const from10 = match(
      { payload: { protocol: "ip", field: "saddr" } },
      { prefix: { addr: "10.0.0.0", len: 8 } },
    );
    assert.equal(through(from10), 2);
  });

  test("verdict maps are read, with names and without", () => {
    const vmap = (data: unknown) => [{ vmap: { key: meta("iifname"), data } }];
    const both = {
      set: [
        ["br-a", accept],
        ["eth*", { jump: { target: "in" } }],
        ["wg0", { drop: null }],
      ],
    };
    const json = nftTable("inet", "filter", {
      forward: { ...forwardHook("drop"), rules: [vmap(both)] },
      in: { rules: [[accept]] },
    });
    assert.deepEqual(told(listed(json)), []);
    assert.match(told(policy([vmap("@zones")]))[0] ?? "", /may drop/);
  });

  test("named sets can't be judged", () => {
    const rule = [{ match: { op: "==", left: meta("iifname"), right: "@trusted" } }, accept];
    assert.match(told(policy([rule]))[0] ?? "", /may drop .* what is forwarded for br-a/);
  });

  test("a table of the bridge family stands between containers of one network", () => {
    assert.deepEqual(told(policy([], "bridge")), [
      "the host's firewall drops what containers on br-a send to one another: table bridge filter, chain forward, policy drop. To let it pass: nft insert rule bridge filter forward accept",
    ]);
  });

  test("a loop, as two moments of a rule set may show it, ends", () => {
    const json = nftTable("inet", "filter", {
      forward: { ...forwardHook("drop"), rules: [[{ jump: { target: "a" } }]] },
      a: { rules: [[{ jump: { target: "b" } }]] },
      b: { rules: [[{ goto: { target: "a" } }]] },
    });
    assert.equal(told(listed(json)).length, 1);
  });

  test("rules of iptables' own extensions are known as such", () => {
    const json = nftTable("ip", "filter", {
      FORWARD: { ...forwardHook("drop"), rules: [[{ xt: { type: "match", name: "conntrack" } }, accept]] },
    });
    const { table, opaque } = readTable(json, { family: "ip", name: "filter" });
    assert.equal(opaque, true);
    assert.match(told([table])[0] ?? "", /may drop/);
  });
});

test("links that lead out: those of default routes first, and no bridges, pairs or ports", () => {
  const links = [
    link(1, "lo", { loopback: true }),
    link(2, "eth0", { master: 5 }),
    link(3, "wg0", { kind: "wireguard" }),
    link(4, "veth1", { kind: "veth" }),
    link(5, "br0", { kind: "bridge" }),
    link(6, "docker0", { kind: "bridge" }),
    link(7, "eth1"),
  ];
  assert.deepEqual(uplinksOf({ links, routes: [{ to: "default", ifindex: 5, table: 254, type: 1 }] }), [
    "br0",
    "wg0",
    "eth1",
  ]);
});
