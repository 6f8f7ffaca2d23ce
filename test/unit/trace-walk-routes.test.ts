/** Routes, rules and source addresses, as ip-route(8) and ip-rule(8) have them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { Machine } from "../support/topologies.ts";
import { events, flowFrom, onlyPath, predicted } from "../support/walks.ts";

/** With two links out. */
function twoWays() {
  const machine = new Machine();
  const host = machine.namespace("host");
  host.link("eth0", ["192.0.2.2/24", "2001:db8:1::2/64", "fe80::2/64"]);
  host.link("eth1", ["198.51.100.2/24", "2001:db8:2::2/64", "fe80::3/64"]);
  host.route("default via 192.0.2.1 dev eth0");
  host.route("default via 2001:db8:1::1 dev eth0");
  const way = (to: string, more = {}) => {
    const path = onlyPath(predicted(machine, flowFrom(host, to, more)));
    const out = events(path, "out").at(-1)?.name ?? path.reason?.code;
    return `${out} from ${formatAddress(path.hops.at(-1)?.packet.source ?? parseAddress("::"))}`;
  };
  return { machine, host, way };
}

describe("a route is chosen", () => {
  test("by the longest prefix, then by the lowest metric", () => {
    const { host, way } = twoWays();
    assert.equal(way("10.1.2.3"), "eth0 from 192.0.2.2");
    host.route("10.0.0.0/8 via 198.51.100.1 dev eth1 metric 20");
    assert.equal(way("10.1.2.3"), "eth1 from 198.51.100.2");
    host.route("10.0.0.0/8 via 192.0.2.1 dev eth0 metric 10");
    assert.equal(way("10.1.2.3"), "eth0 from 192.0.2.2");
    host.route("10.1.0.0/16 via 198.51.100.1 dev eth1 metric 500 src 192.0.2.2");
    assert.equal(way("10.1.2.3"), "eth1 from 192.0.2.2");
  });

  test("passing over dead next hops", () => {
    const { host, way } = twoWays();
    host.route("10.0.0.0/8 via 198.51.100.1 dev eth1");
    const at = host.routes.length - 1;
    const route = host.routes[at];
    assert.ok(route);
    host.routes[at] = { ...route, hops: route.hops.map((hop) => ({ ...hop, flags: 1 })) };
    assert.equal(way("10.1.2.3"), "eth0 from 192.0.2.2");
  });

  test("among several next hops by lot: each is a way", () => {
    const { machine, host } = twoWays();
    host.route("10.0.0.0/8 via 192.0.2.1 dev eth0 via 198.51.100.1 dev eth1");
    const { paths, outcome } = predicted(machine, flowFrom(host, "10.1.2.3"));
    assert.equal(outcome, "leaves");
    assert.deepEqual(
      paths.map(({ assumptions }) => assumptions[0]),
      ["eth0", "eth1"].map((name) => `of several next hops, host takes the one by ${name}`),
    );
  });
});

describe("a rule sends it to another table", () => {
  const to = (table: number) => ({ do: "table", table }) as const;

  test("by source, by destination, inverted, and by the first that has an answer", () => {
    const { host, way } = twoWays();
    host.route("default via 198.51.100.1 dev eth1 table 7");
    host.rule({ priority: 100, to: parsePrefix("10.0.0.0/8"), action: to(7) });
    host.rule({ priority: 101, from: parsePrefix("198.51.100.0/24"), action: to(7) });
    host.rule({ priority: 90, to: parsePrefix("10.0.0.0/8"), action: to(8) });
    assert.equal(way("10.1.2.3"), "eth1 from 198.51.100.2");
    assert.equal(way("9.1.2.3"), "eth0 from 192.0.2.2");
    assert.equal(way("9.1.2.3", { source: parseAddress("198.51.100.2") }), "eth1 from 198.51.100.2");
    host.rule({ priority: 80, to: parsePrefix("9.0.0.0/8"), not: true, action: { do: "prohibit" } });
    assert.equal(way("10.1.2.3"), "unreachable-route from 0.0.0.0");
    assert.equal(way("9.1.2.3"), "eth0 from 192.0.2.2");
  });

  test("by port, with goto past others", () => {
    const { host, way } = twoWays();
    host.route("default via 198.51.100.1 dev eth1 table 7");
    host.rule({ priority: 100, destinationPorts: [80, 90], action: { do: "goto", priority: 300 } });
    host.rule({ priority: 200, action: { do: "unreachable" } });
    host.rule({ priority: 300, action: to(7) });
    assert.equal(way("9.1.2.3", { protocol: "tcp", port: 80 }), "eth1 from 198.51.100.2");
    assert.equal(way("9.1.2.3", { protocol: "tcp", port: 91 }), "unreachable-route from 0.0.0.0");
  });

  test("by all but what a table knows better than by default, as wg-quick has it", () => {
    const { host, way } = twoWays();
    host.route("default via 198.51.100.1 dev eth1 table 51820");
    host.route("10.0.0.0/8 via 192.0.2.1 dev eth0");
    host.rule({ priority: 100, action: to(254), suppressPrefixLength: 0 });
    host.rule({ priority: 101, mark: { value: 0xca6c, mask: 0xffffffff }, not: true, action: to(51820) });
    assert.equal(way("10.1.2.3"), "eth0 from 192.0.2.2");
    assert.equal(way("9.1.2.3"), "eth1 from 198.51.100.2");
  });

  test("by the mark that a rule of the firewall gave it: it is routed again", () => {
    const { machine, host } = twoWays();
    host.route("default via 198.51.100.1 dev eth1 table 7");
    host.rule({ priority: 100, mark: { value: 1, mask: 0xff }, action: to(7) });
    const mark = { of: host, at: "ip output", type: "route", priority: -150 } as const;
    const path = onlyPath(
      predicted(machine, flowFrom(host, "9.1.2.3"), [
        { ...mark, run: (packet) => ({ packet: { ...packet, mark: 0x101 } }) },
      ]),
    );
    assert.deepEqual(
      events(path, "route").map(({ text, rule }) => [text, rule]),
      [
        ["default via 192.0.2.1 dev eth0", undefined],
        ["default via 198.51.100.1 dev eth1 table 7", "100: from all fwmark 0x1/0xff lookup 7"],
      ],
    );
    assert.equal(events(path, "out")[0]?.name, "eth1");
  });
});

describe("a source is chosen", () => {
  test("of IPv4, on the next hop's subnet, or the link's first", () => {
    const { host, way } = twoWays();
    host.address("eth0", "203.0.113.2/24", { secondary: false });
    host.route("10.0.0.0/8 via 203.0.113.1 dev eth0");
    assert.equal(way("10.1.2.3"), "eth0 from 203.0.113.2");
    assert.equal(way("9.1.2.3"), "eth0 from 192.0.2.2");
  });

  test("of another link, where the one that it leaves by has none", () => {
    const { host, way } = twoWays();
    host.link("wg0", [], { kind: "wireguard", hardware: 65534, noArp: true });
    host.route("10.0.0.0/8 dev wg0");
    assert.equal(way("10.1.2.3"), "wg0 from 192.0.2.2");
  });

  test("of IPv6, by RFC 6724: scope, deprecation, link, label, prefix", () => {
    const { host, way } = twoWays();
    assert.equal(way("2001:db8:9::1"), "eth0 from 2001:db8:1::2");
    assert.equal(way("2001:db8:2::9"), "eth1 from 2001:db8:2::2");
    host.address("eth0", "fd00:1::2/64");
    host.route("fd00:2::/64 via 2001:db8:1::1 dev eth0");
    assert.equal(way("fd00:2::1"), "eth0 from fd00:1::2", "a label of its own");
    assert.equal(way("2001:db8:9::1"), "eth0 from 2001:db8:1::2");
    host.address("eth0", "2001:db8:9::2/128");
    assert.equal(way("2001:db8:9::1"), "eth0 from 2001:db8:9::2", "the longest prefix");
    host.addresses.splice(
      0,
      host.addresses.length,
      ...host.addresses.map((held) => ({ ...held, deprecated: held.address.length === 128 })),
    );
    assert.equal(way("2001:db8:9::1"), "eth0 from 2001:db8:1::2", "not what is deprecated");
  });
});
