/** A report as JSON for programs: `docs/trace.md` has its form, which stays. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import type { LinkRef, NamespaceId, Topology } from "../../observe/types.ts";
import type { DropReason, Event, Hop, Path, Report, RuleRef, Seen, Sight } from "../types.ts";
import { EXIT_CODES } from "./verdict.ts";

/** Addresses are text, namespaces are told by name and inode, times are numbers. */
export function reportToJson(topology: Topology, { prediction, proof, rows, verdict }: Report) {
  const place = placesIn(topology);
  const { flow } = prediction;
  const first = proof?.seen[0]?.at;
  const hop = hopToJson(place);
  const seen = seenToJson(place, first);
  return {
    verdict: { ...verdict, exitCode: EXIT_CODES[verdict.outcome] },
    flow: {
      from: flow.from.label,
      to: flow.to.label,
      destination: formatAddress(flow.destination),
      ...(flow.source && { source: formatAddress(flow.source) }),
      protocol: flow.protocol,
      ...(flow.port !== undefined && { port: flow.port }),
      ...(flow.sourcePort !== undefined && { sourcePort: flow.sourcePort }),
      ...(flow.size !== undefined && { size: flow.size }),
      ...(flow.enters && { enters: linkToJson(place)(flow.enters) }),
    },
    prediction: {
      outcome: prediction.outcome,
      unsure: prediction.unsure,
      paths: prediction.paths.map((path) => pathToJson(place, path)),
    },
    ...(proof && {
      proof: {
        outcome: proof.outcome,
        ...(proof.reason && { reason: reasonToJson(place, proof.reason) }),
        blind: proof.blind,
        took: proof.took,
        seen: proof.seen.map(seen),
      },
    }),
    rows: rows.map((row) => ({
      agree: row.agree,
      ...(row.latency !== undefined && { latency: row.latency }),
      ...(row.predicted && { predicted: hop(row.predicted) }),
      ...(row.seen && { seen: seen(row.seen) }),
    })),
  };
}

type Places = (id: NamespaceId) => { readonly name: string; readonly inode: number };

const placesIn =
  (topology: Topology): Places =>
  (id) => ({ name: topology.namespaces.get(id)?.name ?? "", inode: id });

const linkToJson =
  (place: Places) =>
  ({ namespace, ifindex }: LinkRef) => ({ namespace: place(namespace), ifindex });

const ruleToJson = (place: Places, { namespace, ...rule }: RuleRef) => ({
  ...rule,
  namespace: place(namespace),
});

const reasonToJson = (place: Places, { rule, ...reason }: DropReason) => ({
  ...reason,
  ...(rule && { rule: ruleToJson(place, rule) }),
});

const sightToJson = ({ source, destination, ...sight }: Sight) => ({
  ...sight,
  source: formatAddress(source),
  destination: formatAddress(destination),
});

function eventToJson(place: Places, event: Event) {
  switch (event.kind) {
    case "out":
    case "in":
      return { ...event, link: linkToJson(place)(event.link) };
    case "neighbour":
      return { ...event, address: formatAddress(event.address) };
    case "rule":
      return { ...event, rule: ruleToJson(place, event.rule) };
    case "translate": {
      const { rule, before, after, ...rest } = event;
      return {
        ...rest,
        before: sightToJson(before),
        after: sightToJson(after),
        ...(rule && { rule: ruleToJson(place, rule) }),
      };
    }
    case "drop":
      return { ...event, reason: reasonToJson(place, event.reason) };
    default:
      return event;
  }
}

const hopToJson = (place: Places) => (hop: Hop) => ({
  namespace: place(hop.namespace),
  direction: hop.direction,
  event: eventToJson(place, hop.event),
  packet: sightToJson(hop.packet),
});

const pathToJson = (place: Places, path: Path) => ({
  outcome: path.outcome,
  ...(path.reason && { reason: reasonToJson(place, path.reason) }),
  assumptions: path.assumptions,
  hops: path.hops.map(hopToJson(place)),
});

const NANOSECONDS_A_MICROSECOND = 1_000;

/** Times are microseconds since the first thing that was seen. */
const seenToJson = (place: Places, first: bigint | undefined) => (seen: Seen) => {
  const { at, namespace, direction, ...rest } = seen;
  const told = {
    at: Number(at - (first ?? at)) / NANOSECONDS_A_MICROSECOND,
    namespace: place(namespace),
    direction,
  };
  switch (rest.kind) {
    case "tap":
      return { ...told, ...rest, link: linkToJson(place)(rest.link), packet: sightToJson(rest.packet) };
    case "rule":
      return { ...told, ...rest, rule: ruleToJson(place, rest.rule) };
    case "drop": {
      const { at_function: atFunction, ...drop } = rest;
      return { ...told, ...drop, atFunction };
    }
    case "answer":
      return { ...told, ...rest };
  }
};
