/** Reasons for which a packet ends in a namespace: each made once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { Machine, twoContainers } from "../support/topologies.ts";
import { flowFrom, onlyPath, predicted, RULE } from "../support/walks.ts";
import { type Case, drop, endsAsSaid } from "./trace-walk-cases.ts";

const { handle, ...POLICY } = RULE;

const http = { protocol: "tcp", port: 80 } as const;

const CASES: readonly Case[] = [
  {
    name: "a rule drops it",
    code: "rule",
    text: /a rule in chain c of table inet t in web drops it before it is delivered/,
    rules: ({ web }) => [drop(web, "ip input")],
  },
  {
    name: "a rule rejects it",
    code: "rule",
    text: /rejects it .*: the sender is told icmp-port-unreachable/,
    rules: ({ web }) => [
      {
        of: web,
        at: "ip input",
        run: () => ({ verdict: { do: "reject", by: RULE, with: "icmp-port-unreachable" } }),
      },
    ],
  },
  {
    name: "a chain's policy drops it",
    code: "rule",
    text: /no rule of chain c of table inet t in web accepts it, and the chain's policy is to drop it/,
    rules: ({ web }) => [{ of: web, at: "ip input", run: () => ({ verdict: { do: "drop", by: POLICY } }) }],
  },
  {
    name: "there is no route",
    code: "no-route",
    text: /db has no route to 10\.1\.1\.1: the sender is told "Network is unreachable" \(ENETUNREACH\)/,
    breaks: ({ db }) => {
      db.routes.splice(0, db.routes.length, ...db.routes.filter(({ to }) => to.length !== 0));
    },
    to: "10.1.1.1",
  },
  {
    name: "a route prohibits it",
    code: "unreachable-route",
    text: /the route "prohibit 10\.0\.0\.0\/8" of db refuses packets to 10\.1\.1\.1.*EACCES/,
    breaks: ({ db }) => db.route("prohibit 10.0.0.0/8"),
    to: "10.1.1.1",
  },
  {
    name: "a router's route is unreachable",
    code: "unreachable-route",
    text: /host has a route for 10\.1\.1\.1 that refuses it/,
    breaks: ({ host }) => host.route("unreachable 10.0.0.0/8"),
    to: "10.1.1.1",
  },
  {
    name: "the answer would leave by another link",
    met: true,
    code: "reverse-path",
    text: /web refuses packets from 172\.17\.0\.3 by eth0: the answer would leave by eth1 \(rp_filter is 1\)/,
    breaks({ machine, host, web }) {
      machine.pair(host, "spare", web, "eth1");
      web.route("172.17.0.3/32 dev eth1");
      web.change("eth0", { settings: { reversePathFilter: 1 } });
    },
  },
  {
    name: "there is no way back at all, loosely looked for",
    met: true,
    code: "reverse-path",
    text: /web refuses packets from 172\.17\.0\.3 by eth0: it has no route back to there \(rp_filter is 2\)/,
    breaks({ web }) {
      web.routes.splice(0, web.routes.length, ...web.routes.filter(({ type }) => type === 2));
      web.sysctls.set("net.ipv4.conf.all.rp_filter", "2");
    },
  },
  {
    name: "it speaks under the receiver's own address",
    met: true,
    code: "martian",
    text: /172\.17\.0\.3 is an address of web itself/,
    breaks: ({ web }) => web.address("lo", "172.17.0.3/32"),
  },
  {
    name: "127.0.0.0/8 comes in by a link",
    met: true,
    code: "martian",
    text: /127\.0\.0\.0\/8 is for the inside of a machine, and net\.ipv4\.conf\.eth0\.route_localnet is 0/,
    breaks: ({ db }) => db.change("eth0", { settings: { routeLocalnet: true } }),
    flow: { source: parseAddress("127.0.0.1") },
  },
  {
    name: "the host does not forward",
    code: "not-forwarding",
    text: /192\.0\.2\.77 is not an address of host, which does not forward IPv4 packets \(net\.ipv4\.ip_forward is 0\)/,
    breaks({ host }) {
      host.sysctls.set("net.ipv4.ip_forward", "0");
      host.change("docker0", { settings: { forwarding4: false } });
    },
    to: "192.0.2.77",
  },
  {
    name: "one link does not forward",
    code: "not-forwarding",
    text: /\(net\.ipv4\.conf\.docker0\.forwarding is 0\)/,
    breaks: ({ host }) => host.change("docker0", { settings: { forwarding4: false } }),
    to: "192.0.2.77",
  },
  {
    name: "the host does not forward IPv6",
    code: "not-forwarding",
    text: /does not forward IPv6 packets \(net\.ipv6\.conf\.all\.forwarding is 0\)/,
    breaks: ({ host }) => host.sysctls.set("net.ipv6.conf.all.forwarding", "0"),
    to: "2001:db8::77",
  },
  {
    name: "two routers send it to each other",
    code: "ttl",
    text: /is one router too many: the packet's time to live is used up/,
    breaks({ machine, host }) {
      const router = machine.namespace("router", { forwards: true });
      machine.pair(host, "up", router, "down");
      host.address("up", "10.9.0.1/30");
      router.address("down", "10.9.0.2/30");
      host.route("10.1.0.0/16 via 10.9.0.2 dev up");
      router.route("default via 10.9.0.1 dev down");
    },
    to: "10.1.1.1",
  },
  {
    name: "nobody listens (TCP)",
    code: "closed",
    text: /nobody in web listens at TCP port 81: the connection is refused/,
    flow: { protocol: "tcp", port: 81 },
  },
  {
    name: "nobody receives (UDP)",
    code: "no-socket",
    text: /nobody in web receives at UDP port 81: the sender is told that it is unreachable/,
    flow: { protocol: "udp", port: 81 },
  },
  {
    name: "it listens on loopback only",
    code: "bound-elsewhere",
    text: /the program in web listens at 127\.0\.0\.1:81 only, not at 172\.17\.0\.2/,
    breaks: ({ web }) => web.listen("tcp", 81, { address: parseAddress("127.0.0.1") }),
    flow: { protocol: "tcp", port: 81 },
  },
  {
    name: "it listens for IPv6 only",
    code: "bound-elsewhere",
    text: /the program in web listens at \[::\]:81 \(IPv6 only\) only, not at 172\.17\.0\.2/,
    breaks: ({ web }) => web.listen("tcp", 81, { dual: false }),
    flow: { protocol: "tcp", port: 81 },
  },
  {
    name: "its queue is full",
    code: "backlog-full",
    text: /does not accept connections: 129 wait, and 128 may/,
    breaks: ({ web }) => web.listen("tcp", 81, { queue: { waiting: 129, room: 128 } }),
    flow: { protocol: "tcp", port: 81 },
  },
  {
    name: "the sender has no such address",
    code: "no-address",
    text: /db can't send to 172\.17\.0\.2, since 172\.17\.0\.99 is not an address of db/,
    flow: { source: parseAddress("172.17.0.99") },
  },
  {
    name: "a link that it is redirected to has no address",
    code: "no-address",
    text: /eth0 of web has no address that the packet could be translated to/,
    breaks({ web }) {
      web.addresses.splice(
        0,
        web.addresses.length,
        ...web.addresses.filter(({ address }) => address.address.family === 6),
      );
    },
    rules: ({ web }) => [
      {
        of: web,
        at: "ip prerouting",
        type: "nat",
        run: () => ({ translation: { what: "redirect", rule: RULE } }),
      },
    ],
  },
  {
    name: "the answer has no way back",
    code: "reply-lost",
    text: /the packet arrives, but its answer is lost: web has no route to 172\.18\.0\.9/,
    breaks({ web, db }) {
      web.routes.splice(
        0,
        web.routes.length,
        ...web.routes.filter(({ type, to }) => type === 2 || to.length === 16),
      );
      db.address("eth0", "172.18.0.9/32");
    },
    flow: { source: parseAddress("172.18.0.9") },
  },
  {
    name: "the answer is dropped by a rule",
    code: "reply-lost",
    text: /the packet arrives, but its answer is lost: a rule in chain c/,
    rules: ({ web }) => [drop(web, "ip output")],
    flow: http,
  },
  {
    name: "pings are not answered",
    code: "kernel",
    text: /web does not answer pings \(net\.ipv4\.icmp_echo_ignore_all is 1\)/,
    breaks: ({ web }) => web.sysctls.set("net.ipv4.icmp_echo_ignore_all", "1"),
  },
  {
    name: "the table of tracked connections is full",
    code: "kernel",
    text: /web tracks as many connections as it may \(net\.netfilter\.nf_conntrack_max\)/,
    breaks({ web }) {
      web.sysctls.set("net.netfilter.nf_conntrack_max", "1000");
      web.connectionCount = 1000;
    },
    tracked: true,
  },
];

endsAsSaid("in a namespace, a packet ends where", CASES);

test("with nothing broken, it arrives", () => {
  const { machine, db } = twoContainers();
  for (const flow of [{}, http, { ...http, protocol: "udp" }] as const) {
    for (const to of ["172.17.0.2", "fd00::2"]) {
      assert.equal(onlyPath(predicted(machine, flowFrom(db, to, flow))).outcome, "reached");
    }
  }
});

test("a datagram that asks one of two addresses is answered from either", () => {
  const { machine, db, web } = twoContainers();
  web.address("eth0", "172.17.0.22/16", { secondary: true });
  const flow = flowFrom(db, "172.17.0.22", { protocol: "udp", port: 80 });
  const prediction = predicted(machine, flow);
  assert.equal(prediction.outcome, "unsure");
  assert.deepEqual(
    prediction.paths.map(({ outcome, assumptions }) => [outcome, ...assumptions]),
    [
      ["reached", "the program in web answers, from 172.17.0.22"],
      ["dropped", "the program in web answers, from 172.17.0.2"],
    ],
  );
  web.sockets.splice(0);
  web.listen("udp", 80, { address: parseAddress("172.17.0.22") });
  assert.equal(onlyPath(predicted(machine, flow)).outcome, "reached");
});

test("a machine without a way out says so of itself", () => {
  const machine = new Machine();
  const alone = machine.namespace("alone");
  assert.equal(onlyPath(predicted(machine, flowFrom(alone, "10.0.0.1"))).reason?.code, "no-route");
});
