/** Causes that are no rules: sockets, routes, links. One case of each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { ListeningSocket, Topology } from "../../src/observe/types.ts";
import type { DropReason } from "../../src/trace/types.ts";
import { bare, expect, type Given, verdictOn } from "./trace-ended.ts";
import { DB, HOST, type Parts, WEB, world } from "./trace-world.ts";

const listening = (at: string | undefined, port: number): ListeningSocket => ({
  protocol: "tcp",
  family: 4,
  ...(at !== undefined && { address: parseAddress(at) }),
  port,
  dual: false,
  uid: 0,
  inode: 1,
});

const dbWith = (sockets: readonly ListeningSocket[], parts: Parts = {}): Topology => {
  const topology = world(parts);
  const db = topology.namespaces.get(DB);
  assert.ok(db);
  return world({ ...parts, namespaces: [{ ...db, sockets }] });
};

describe("what arrives, and nobody takes", () => {
  const refused = { at: DB, reason: bare("no-socket"), link: [2, "eth0"] as [number, string] };

  test("a server that listens on loopback alone", () => {
    expect(
      { ...refused, topology: dbWith([listening("127.0.0.1", 80)]) },
      /^refused in namespace db at port 80\/tcp of db: the server listens at 127\.0\.0\.1:80 alone, and so only for db itself/,
      "nsenter -t 103 -n ss -ltnup 'sport = :80'",
    );
  });

  test("a server at another address", () => {
    expect(
      { ...refused, topology: dbWith([listening("10.9.9.9", 80)]) },
      /listens at 10\.9\.9\.9:80, and not where this comes to/,
      "nsenter -t 103 -n ss -ltnup 'sport = :80'",
    );
  });

  test("nobody, with those who listen elsewhere; behind a published port that is told, too", () => {
    expect(
      { ...refused, topology: dbWith([listening(undefined, 5432)]) },
      /nobody listens on it; tcp listens at \*:5432/,
      "drawbridge logs db",
    );
    expect(
      { ...refused, asked: { destination: "203.0.113.2", port: 8080 } },
      /at port 80\/tcp of db: nobody listens on it, and there the published port 8080 leads/,
      "drawbridge logs db",
    );
  });

  test("a port of the host that a container has and does not publish", () => {
    expect(
      {
        to: ["host", HOST],
        packet: "203.0.113.1:4 > 203.0.113.2:5432",
        reason: bare("no-socket"),
        topology: dbWith([listening(undefined, 5432)]),
      },
      /at port 5432\/tcp of the host: nothing listens there: db listens on 5432\/tcp inside, and does not publish it here/,
      "drawbridge port add db 5432:5432/tcp",
    );
  });

  test("a full queue", () => {
    expect(
      { ...refused, reason: bare("backlog-full") },
      /its queue is full/,
      "nsenter -t 103 -n ss -ltn 'sport = :80'",
    );
  });
});

describe("what the kernel ends", () => {
  const inWeb = { at: WEB, link: [2, "eth0"] as [number, string] };
  const cases: readonly (readonly [DropReason["code"], Given["at"], RegExp, ...string[]])[] = [
    ["not-forwarding", HOST, /at forwarding/, "sysctl -w net.ipv4.ip_forward=1"],
    [
      "not-forwarding",
      WEB,
      /in namespace web at forwarding/,
      "nsenter -t 102 -n sysctl -w net.ipv4.ip_forward=1",
    ],
    [
      "reverse-path",
      HOST,
      /at the reverse path filter of eth0/,
      "sysctl -w net.ipv4.conf.eth0.rp_filter=2 net.ipv4.conf.all.rp_filter=2",
    ],
    ["no-neighbour", HOST, /at neighbours/, "ip neigh show 10.2.0.2"],
    ["link-down", WEB, /at link eth0/, "nsenter -t 102 -n ip link set eth0 up"],
    ["no-carrier", WEB, /at link eth0/],
    ["port-state", HOST, /bridge port's state/, "bridge link set dev eth0 state 3"],
    ["isolated-port", HOST, /at port isolation/, "bridge link set dev eth0 isolated off"],
    ["unreachable-route", HOST, /at routing/, "ip route get 10.2.0.2"],
    ["ipv6-off", WEB, /at IPv6/, "nsenter -t 102 -n sysctl -w net.ipv6.conf.all.disable_ipv6=0"],
    ["wrong-mac", HOST, /at the MAC address/, "nsenter -t 102 -n ip neigh flush all"],
    ["ttl", HOST, /at the TTL/],
    ["martian", HOST, /at the source address/],
    ["no-address", WEB, /at the source address/, "nsenter -t 102 -n ip -4 addr"],
    ["too-big", HOST, /at the MTU/],
    ["duplicate-address", WEB, /at duplicate address/, "nsenter -t 102 -n ip -6 addr show dadfailed"],
    ["reply-lost", HOST, /at the way back/],
    ["kernel", HOST, /at the kernel/],
  ];
  for (const [code, at, sentence, ...commands] of cases) {
    test(`${code} in ${at === WEB ? "a container" : "the host"}`, () => {
      expect(
        { link: [2, "eth0"], ...(at !== undefined && { at }), reason: bare(code) },
        sentence,
        ...commands,
      );
    });
  }

  test("no-route in a container whose network has a gateway", () => {
    const web = world().namespaces.get(WEB);
    assert.ok(web);
    const topology = world({ namespaces: [{ ...web, routes: [] }] });
    expect(
      { ...inWeb, reason: bare("no-route"), topology },
      /at routing/,
      "nsenter -t 102 -n ip route add default via 10.1.0.1",
    );
    expect({ ...inWeb, reason: bare("no-route") }, /at routing/);
  });

  test("the answer, lost on its way, is told so; the kernel's own words are added", () => {
    const reason: DropReason = {
      ...bare("kernel", "the kernel dropped it"),
      kernel: { reason: "TCP_CSUM", at: "tcp_v4_rcv" },
    };
    const { sentence } = verdictOn({ reason, direction: "back", packet: "10.2.0.2:80 > 10.1.0.2:40000" });
    assert.match(
      sentence,
      /^the answer is dropped in namespace host at the kernel: .* \(the kernel says TCP_CSUM in tcp_v4_rcv\)$/,
    );
  });
});
