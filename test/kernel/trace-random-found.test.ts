/** What random topologies showed to be predicted or seen wrongly, each as small as it could be made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isolated } from "../support/isolated.ts";
import type { ChainSpec, FaultSpec, FlowSpec, TopologySpec } from "../support/random-topology.ts";
import { HOOKS, MATCHES, VERDICTS } from "../support/random-topology-chains.ts";
import { retold, run } from "../support/random-topology-flows.ts";

isolated(import.meta);

/** Indexes of places and addresses where there is one bridge with two leaves, and no router. */
const [HUB, A1, A2, OUT] = [0, 1, 2, 3];
const TO = { a1: 0, a2: 1, out: 2, uplink: 3, gateway: 4, loopback: 6, nobody: 7 };
const [OPEN, PUBLISHED, LOCAL, CLOSED] = [0, 1, 3, 4];

const plain: TopologySpec = {
  bridges: [{ leaves: 2, twoSubnets: false, icc: true }],
  router: false,
  routedBack: false,
  callIptables: false,
  firewall: "none",
  chains: [],
  faults: [],
  flows: [],
};

const flow = (from: number, to: number, protocol: FlowSpec["protocol"], port = OPEN): FlowSpec => ({
  from,
  to,
  family: 4,
  protocol,
  port,
});
const large = (one: FlowSpec): FlowSpec => ({ ...one, size: 1500 });
const v6 = (one: FlowSpec): FlowSpec => ({ ...one, family: 6 });
const fault = (kind: string, at: number, chance = 0): FaultSpec => ({ kind, at, with: chance });

function chain(
  at: number,
  hook: string,
  ...rules: readonly (readonly [matches: string, does: string])[]
): ChainSpec {
  const index = (list: readonly string[], word: string) => {
    assert.ok(list.includes(word), word);
    return list.indexOf(word);
  };
  return {
    at,
    hook: index(HOOKS, hook),
    priority: 0,
    drops: false,
    rules: rules.map(([matches, does]) => ({
      matches: index(MATCHES, matches),
      does: index(VERDICTS, does),
    })),
  };
}

const FOUND: Readonly<Record<string, Partial<TopologySpec>>> = {
  "a reset acknowledges the data of a probe": { flows: [large(flow(HUB, TO.a1, "tcp", CLOSED))] },
  "who sends to a neighbour that does not answer is told, by himself": {
    flows: [flow(A1, TO.nobody, "icmp"), large(flow(HUB, TO.nobody, "tcp")), v6(flow(A1, TO.nobody, "udp"))],
  },
  "a port that is closed at home": {
    flows: [flow(A1, TO.a1, "tcp", CLOSED), flow(A1, TO.a1, "udp", CLOSED)],
  },
  "a program's answer comes from another address than was asked": { flows: [v6(flow(A1, TO.uplink, "udp"))] },
  "rules of IP before those of the bridge's input, where br_netfilter shows frames to them": {
    firewall: "drawbridge",
    callIptables: true,
    flows: [v6(flow(A1, TO.gateway, "icmp")), flow(A1, TO.a2, "tcp")],
  },
  "a packet's time runs out, and whoever sent it hears nothing of it": {
    router: true,
    firewall: "netavark's nftables",
    faults: [fault("TTL runs out", A2 + 1), fault("address of the loopback", HUB, 5)],
    flows: [flow(A2, TO.out, "udp")],
  },
  "what is translated at home has no way to where it is for now": {
    firewall: "netavark's iptables-nft",
    flows: [flow(HUB, TO.loopback, "tcp", PUBLISHED)],
  },
  "whoever does not forward tells nobody": {
    routedBack: true,
    faults: [fault("no forwarding", 0, 0)],
    flows: [flow(OUT, TO.a1, "icmp"), flow(A1, TO.out, "tcp")],
  },
  "the other end of a veth takes less": {
    faults: [fault("MTU", A1), fault("MTU of a port", 1)],
    flows: [large(flow(HUB, TO.a1, "udp")), large(flow(A2, TO.gateway, "icmp"))],
  },
  "a frame for another MAC address is not delivered": {
    faults: [fault("wrong neighbour", HUB, 5)],
    flows: [flow(HUB, TO.out, "udp"), flow(HUB, TO.out, "udp", CLOSED)],
  },
  "a route back is missing where an answer begins": {
    flows: [flow(A1, TO.out, "icmp"), flow(A1, TO.out, "udp"), flow(A1, TO.out, "tcp", CLOSED)],
  },
  "rules that refuse routes": {
    faults: [fault("refusing rule", HUB, 0), fault("refusing rule", HUB, 1)],
    flows: [flow(A1, TO.out, "icmp"), flow(OUT, TO.gateway, "tcp")],
  },
  "an error belongs to the connection that it is about, and so does a rule's reset": {
    chains: [
      chain(HUB, "input", ["tcp dport 80", "reject with tcp reset"], ["udp dport 80", "reject"]),
      chain(HUB, "output", ["ct state established,related", "counter"], ["ct state invalid", "drop"]),
    ],
    flows: [flow(A1, TO.gateway, "tcp"), flow(A1, TO.gateway, "udp"), flow(A1, TO.gateway, "tcp", CLOSED)],
  },
  "at input, fib asks no routes of what the loopback carries": {
    chains: [chain(A1, "input", ["fib saddr . mark . iif oif exists", "drop"])],
    flows: [flow(A1, TO.a1, "tcp")],
  },
  "hairpins: a redirect is no error, and a bridge may lead a frame by itself": {
    firewall: "netavark's nftables",
    callIptables: true,
    flows: [flow(A1, TO.gateway, "udp", PUBLISHED), flow(A2, TO.uplink, "tcp", PUBLISHED)],
  },
  "pings that are not answered are not dropped": {
    faults: [fault("no echo", A1)],
    flows: [flow(HUB, TO.a1, "icmp"), flow(A1, TO.a1, "tcp", LOCAL)],
  },
};

for (const [name, changes] of Object.entries(FOUND)) {
  test(name, async () => {
    const spec = { ...plain, ...changes };
    const cases = await run(spec);
    const wrong = cases.filter(({ differs }) => differs.length > 0);
    assert.deepEqual(
      wrong.map((one) => retold(spec, one)),
      [],
    );
  });
}
