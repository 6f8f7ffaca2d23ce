/**
 * Random topologies as plain values, which fast-check makes smaller as long as they show the same: fewer bridges, leaves,
 * faults, rules, flows. Numbers choose among what there is (`random-topology-world.ts`), so any value is a topology.
 */
import fc from "fast-check";
import { HOOKS, MATCHES, VERDICTS } from "./random-topology-chains.ts";
import { FAULTS } from "./random-topology-faults.ts";
import { FIREWALLS, type FirewallName } from "./random-topology-firewalls.ts";

export interface BridgeSpec {
  /** Containers on it. */
  readonly leaves: number;
  /** A second IPv4 subnet, of which each has an address as well. */
  readonly twoSubnets: boolean;
  /** Whether containers on it may reach each other, for rules that can say otherwise. */
  readonly icc: boolean;
}

/** Something amiss, or just unusual: one of `FAULTS`, at a place, with a further choice. */
export interface FaultSpec {
  readonly kind: string;
  readonly at: number;
  readonly with: number;
}

/** A chain of a table of its own, with two rules: indexes into what can be said. */
export interface ChainSpec {
  readonly at: number;
  readonly hook: number;
  readonly priority: number;
  readonly drops: boolean;
  readonly rules: readonly { readonly matches: number; readonly does: number }[];
}

export interface FlowSpec {
  readonly from: number;
  readonly to: number;
  readonly family: 4 | 6;
  readonly protocol: "icmp" | "tcp" | "udp";
  readonly port: number;
  /** Bytes of the packet, that may not be fragmented. */
  readonly size?: number;
}

export interface TopologySpec {
  readonly bridges: readonly BridgeSpec[];
  /** Between the host and the outside. */
  readonly router: boolean;
  /** Whether the outside sends packets to containers' addresses at the host. */
  readonly routedBack: boolean;
  readonly callIptables: boolean;
  readonly firewall: FirewallName;
  readonly chains: readonly ChainSpec[];
  readonly faults: readonly FaultSpec[];
  readonly flows: readonly FlowSpec[];
}

const index = fc.nat({ max: 59 });

const bridge: fc.Arbitrary<BridgeSpec> = fc.record({
  leaves: fc.integer({ min: 1, max: 3 }),
  twoSubnets: fc.nat({ max: 5 }).map((one) => one === 5),
  icc: fc.nat({ max: 3 }).map((one) => one !== 3),
});

const fault: fc.Arbitrary<FaultSpec> = fc.record({
  kind: fc.constantFrom(...Object.keys(FAULTS)),
  at: index,
  with: index,
});

const chain: fc.Arbitrary<ChainSpec> = fc.record({
  at: index,
  hook: fc.nat({ max: HOOKS.length - 1 }),
  priority: index,
  drops: fc.nat({ max: 3 }).map((one) => one === 3),
  rules: fc.array(
    fc.record({ matches: fc.nat({ max: MATCHES.length - 1 }), does: fc.nat({ max: VERDICTS.length - 1 }) }),
    { minLength: 1, maxLength: 3 },
  ),
});

const flow: fc.Arbitrary<FlowSpec> = fc.record(
  {
    from: index,
    to: index,
    family: fc.constantFrom(4 as const, 4 as const, 6 as const),
    protocol: fc.constantFrom("icmp" as const, "tcp" as const, "udp" as const),
    port: index,
    size: fc.constantFrom(1300, 1500),
  },
  { requiredKeys: ["from", "to", "family", "protocol", "port"] },
);

/** @param flows how many packets are sent over each, at the most, and at the least */
export const topologies = (flows: number, least = 1): fc.Arbitrary<TopologySpec> =>
  fc.record({
    bridges: fc.array(bridge, { minLength: 1, maxLength: 3 }),
    router: fc.boolean(),
    routedBack: fc.boolean(),
    callIptables: fc.boolean(),
    firewall: fc.constantFrom(...FIREWALLS),
    chains: fc.array(chain, { maxLength: 2 }),
    faults: fc.array(fault, { maxLength: 3 }),
    flows: fc.array(flow, { minLength: least, maxLength: flows }),
  });
