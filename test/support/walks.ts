/** Ways predicted over topologies made by hand, with rules made by hand. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/lib/ip.ts";
import type { NamespaceId } from "../../src/observe/types.ts";
import type { HookName, Layer, Outcome, Stage, Surroundings } from "../../src/trace/firewall/types.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { predict } from "../../src/trace/predict.ts";
import type { Event, Flow, Path, Prediction, RuleRef } from "../../src/trace/types.ts";
import type { Machine, Place } from "./topologies.ts";

export function flowFrom(from: Place, to: string, more: Partial<Flow> = {}): Flow {
  return {
    from: { label: from.name, namespace: from.id },
    to: { label: to },
    destination: parseAddress(to),
    protocol: "icmp",
    ...more,
  };
}

/** What a packet may meet in a namespace, by `layer hook`. */
export interface Rules {
  readonly of: Place;
  readonly at: `${Layer} ${HookName}`;
  readonly priority?: number;
  readonly type?: Stage["type"];
  run(packet: Packet, around: Surroundings): Partial<Outcome> | readonly Partial<Outcome>[] | undefined;
}

/** Of a rule; without the handle, of its chain's policy. */
export const RULE = {
  in: "nft",
  namespace: 1 as NamespaceId,
  family: "inet",
  table: "t",
  chain: "c",
  handle: 7,
} as const satisfies RuleRef;

/** Tracking is on where there are rules of nat, or where `tracked` says so. */
export function predicted(
  machine: Machine,
  flow: Flow,
  rules: readonly Rules[] = [],
  tracked: readonly Place[] = [],
): Prediction {
  return predict(machine.topology(), flow, {
    stagesOf: (namespace, layer, hook) =>
      rules
        .filter(({ of, at }) => of.id === namespace.id && at === `${layer} ${hook}`)
        .map(({ priority = 0, type = "filter", run }) => ({
          priority,
          type,
          label: "made by hand",
          run(packet: Packet, around: Surroundings) {
            const made = run(packet, around) ?? {};
            const all = "length" in made ? made : [made];
            const plain: Outcome = { verdict: { do: "accept" }, met: [], packet, assumptions: [] };
            return all.map((outcome) => ({ ...plain, ...outcome }));
          },
        }))
        .sort((a, b) => a.priority - b.priority),
    tracksConnections: (namespace) =>
      tracked.some(({ id }) => id === namespace.id) ||
      rules.some(({ of, type }) => of.id === namespace.id && type === "nat"),
  });
}

/** The one way that is certain. */
export function onlyPath({ paths, unsure }: Prediction): Path {
  assert.deepEqual(unsure, []);
  assert.equal(paths.length, 1);
  const [path] = paths;
  assert.ok(path);
  return path;
}

type OfKind<K, E = Event> = E extends { readonly kind: infer Kinds } ? (K extends Kinds ? E : never) : never;

/** Events of one kind, in order. */
export const events = <K extends Event["kind"]>(path: Path, kind: K): readonly OfKind<K>[] =>
  path.hops.flatMap(({ event }) => (event.kind === kind ? [event as OfKind<K>] : []));

/** `out eth0`, `in veth-web`: by which links it goes, there and back. */
export const links = (path: Path, direction: "there" | "back" = "there"): readonly string[] =>
  path.hops.flatMap((hop) =>
    hop.direction === direction && (hop.event.kind === "out" || hop.event.kind === "in")
      ? [`${hop.event.kind} ${hop.event.name}`]
      : [],
  );
