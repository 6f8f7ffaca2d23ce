/** From a path that ended, or a proof that did, to the case. Pure. */
import { type Address, contains, subnetOf } from "../../lib/ip.ts";
import type { EngineNetwork, Namespace, NamespaceId, Topology } from "../../observe/types.ts";
import { ownerOf } from "../ends/places.ts";
import type { DropReason, Flow, Hop, Path, Proof, Seen, Sight } from "../types.ts";
import type { Case, Party } from "./types.ts";

/** The hop that a path ended at: of a rule that refuses, where that stands, and not where its answer got to. */
function lastHop(path: Path | undefined, reason?: DropReason): Hop | undefined {
  const end = path?.hops.findLast(({ event }) => event.kind === "drop") ?? path?.hops.at(-1);
  const { rule } = reason ?? {};
  if (!rule || !end || end.namespace === rule.namespace) return end;
  const met = path?.hops.findLast(
    ({ namespace, event }) => event.kind === "rule" && namespace === rule.namespace,
  );
  return met ?? end;
}

export function caseOfPath(topology: Topology, flow: Flow, path: Path, reason: DropReason): Case {
  const hop = lastHop(path, reason);
  const link = path.hops.findLast(
    ({ event, namespace }) => namespace === hop?.namespace && (event.kind === "in" || event.kind === "out"),
  );
  const name = link && "name" in link.event ? link.event.name : undefined;
  return makeCase(topology, flow, innermost(reason, hop), {
    direction: hop?.direction ?? "there",
    ...(hop && { namespace: hop.namespace, packet: hop.packet }),
    ...(name !== undefined && { link: name }),
    ...nextHopOf(path, hop),
  });
}

/** The last that was asked for where the path ended: what the sender is told of it goes on to others. */
function nextHopOf(path: Path | undefined, end: Hop | undefined): Pick<Place, "nextHop"> {
  const before = path?.hops.slice(0, end && path.hops.indexOf(end));
  const asked = before?.findLast(({ event }) => event.kind === "neighbour");
  return asked?.event.kind === "neighbour" && asked.namespace === end?.namespace
    ? { nextHop: asked.event.address }
    : {};
}

/** Of what was seen; what only a prediction tells (its address at the end) is taken from there where both end in one namespace. */
export function caseOfProof(
  topology: Topology,
  flow: Flow,
  proof: Proof,
  reason: DropReason,
  path: Path | undefined,
): Case {
  const end = endOf(proof.seen, reason);
  // What came later is of others: whoever it was meant for may answer in another's name.
  const before = end && proof.seen.slice(0, proof.seen.indexOf(end));
  const tap = [before ?? [], proof.seen]
    .map((seen) => seen.findLast((one) => one.kind === "tap"))
    .find((one) => one !== undefined);
  const hop = lastHop(path);
  const place = end?.namespace ?? reason.rule?.namespace ?? hop?.namespace;
  const packet = tap?.kind === "tap" ? tap.packet : hop?.packet;
  const known = hop && hop.namespace === place ? hop.packet : packet;
  const told = innermost(reason, hop?.namespace === place ? hop : undefined);
  return makeCase(topology, flow, told, {
    direction: directionOf(told, end ?? tap, hop),
    ...(place !== undefined && { namespace: place }),
    ...(known && { packet: known }),
    ...(tap?.kind === "tap" && tap.namespace === place && { link: tap.name }),
    ...(hop?.namespace === place && nextHopOf(path, hop)),
  });
}

/** Where it was seen to end: of several, by the rule that the reason names. */
function endOf(seen: readonly Seen[], { rule }: DropReason): Seen | undefined {
  const ends = seen.filter(
    (one) => one.kind === "drop" || (one.kind === "rule" && /^(drop|reject)/.test(one.verdict)),
  );
  return ends.findLast(({ namespace }) => namespace === rule?.namespace) ?? ends.at(-1);
}

/** That the answer is lost is no reason: the hop where that happened has it. */
function innermost(reason: DropReason, hop: Hop | undefined): DropReason {
  if (reason.code !== "reply-lost" || hop?.event.kind !== "drop" || hop.event.reason.code === "reply-lost")
    return reason;
  return { ...hop.event.reason, ...(reason.kernel && { kernel: reason.kernel }) };
}

/** By the last that was seen, unless it was lost before it was a packet that could be seen. */
const directionOf = (
  reason: DropReason,
  seen: { readonly direction: Hop["direction"] } | undefined,
  hop: Hop | undefined,
): Hop["direction"] => {
  if (hop?.event.kind === "drop" && hop.event.reason.code === reason.code) return hop.direction;
  return seen?.direction ?? "there";
};

interface Place {
  readonly direction: Hop["direction"];
  readonly namespace?: NamespaceId;
  readonly packet?: Sight;
  readonly link?: string;
  readonly nextHop?: Address;
}

function makeCase(topology: Topology, flow: Flow, reason: DropReason, place: Place): Case {
  const namespace = place.namespace === undefined ? undefined : topology.namespaces.get(place.namespace);
  const back = place.direction === "back";
  // Addresses of an answer are those of the question, turned round.
  const destination = (back ? place.packet?.source : place.packet?.destination) ?? flow.destination;
  const sender = flow.from.namespace === undefined ? undefined : topology.namespaces.get(flow.from.namespace);
  const receiver =
    ownerOf(topology, destination, sender) ??
    (flow.to.namespace === undefined ? undefined : topology.namespaces.get(flow.to.namespace));
  const source = (back ? place.packet?.destination : place.packet?.source) ?? flow.source;
  return {
    topology,
    flow,
    reason,
    direction: place.direction,
    from: partyOf(topology, flow.from.label, sender, source),
    to: partyOf(topology, receiver ? nameOf(receiver) : flow.to.label, receiver, destination),
    ...(namespace && { namespace }),
    ...(place.packet && { packet: place.packet }),
    ...(place.link !== undefined && { link: place.link }),
    ...(place.nextHop && { nextHop: place.nextHop }),
  };
}

const nameOf = ({ container, name }: Namespace): string => container?.name ?? name;

function partyOf(
  topology: Topology,
  label: string,
  namespace: Namespace | undefined,
  address: Address | undefined,
): Party {
  const container = namespace?.container;
  const network = networkOf(topology, namespace, address);
  return {
    label,
    ...(namespace && { namespace }),
    ...(container && { container }),
    ...(network && { network }),
  };
}

/** The network of an address, whether somebody has it or not; else the first that a container is on. The host is on none. */
function networkOf(
  topology: Topology,
  namespace: Namespace | undefined,
  address: Address | undefined,
): EngineNetwork | undefined {
  if (!namespace)
    return address && topology.engines.flatMap(({ networks }) => networks).find((one) => holds(one, address));
  if (namespace.host) return undefined;
  const mine = networksOf(topology, namespace);
  const by = address && mine.find((one) => holds(one, address));
  return by ?? mine[0];
}

const holds = ({ subnets }: EngineNetwork, address: Address): boolean =>
  subnets.some(({ subnet }) => contains(subnetOf(subnet), address));

/** By what its engine says, else by its addresses. */
export function networksOf(topology: Topology, namespace: Namespace): readonly EngineNetwork[] {
  const { container } = namespace;
  const all = topology.engines
    .filter(({ kind }) => container === undefined || kind === container.engine)
    .flatMap(({ networks }) => networks);
  const told = (container?.endpoints ?? []).flatMap(({ network, networkId }) =>
    all.filter(({ id, name }) => (networkId ? id === networkId : name === network)),
  );
  if (told.length > 0) return told;
  return all.filter((network) => namespace.addresses.some(({ address }) => holds(network, address.address)));
}
