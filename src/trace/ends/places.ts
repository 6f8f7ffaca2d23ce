/** Who is who in a topology: containers by name or id, namespaces, and whose an address is. Pure. */
import { conflict } from "../../lib/errors.ts";
import { type Address, contains, type Family, type Prefix, sameAddress } from "../../lib/ip.ts";
import { nearest } from "../../lib/nearest.ts";
import { RT_SCOPE } from "../../linux/rtnetlink/route-numbers.ts";
import { hostOf } from "../../observe/lookup.ts";
import type { EngineContainer, Namespace, ObservedAddress, Topology } from "../../observe/types.ts";

/** A namespace, and the container of it that was meant. */
export interface Place {
  readonly label: string;
  readonly namespace: Namespace;
  readonly container?: EngineContainer;
}

const SHORT = 12;

const containersOf = (topology: Topology): readonly EngineContainer[] =>
  topology.engines.flatMap(({ containers }) => containers);

/**
 * As engines find a container: by name, by id, by the beginning of an id; and a namespace by its name.
 * @returns undefined where nothing is called so
 * @throws conflict where several are, or it doesn't run
 */
export function findPlace(topology: Topology, word: string): Place | undefined {
  const container = findContainer(topology, word);
  if (container) {
    const namespace = namespaceOf(topology, container);
    if (!namespace) throw conflict(notThere(container));
    return { label: container.name, namespace, container };
  }
  const namespace = [...topology.namespaces.values()].find(({ name }) => name === word);
  return (
    namespace && { label: word, namespace, ...(namespace.container && { container: namespace.container }) }
  );
}

function notThere({ name, state, engine, id }: EngineContainer): string {
  return state === "running"
    ? `the network of container ${name} can't be found: ${engine} has it running as ${id.slice(0, SHORT)}, but none of its processes is seen from here`
    : `container ${name} has no network: it is ${state || "not running"}; to start it: ${engine} start ${name}`;
}

function findContainer(topology: Topology, word: string): EngineContainer | undefined {
  const all = containersOf(topology);
  const whole = all.filter(({ name, id }) => name === word || id === word);
  const found =
    whole.length > 0 || !/^[0-9a-f]+$/.test(word) ? whole : all.filter(({ id }) => id.startsWith(word));
  if (found.length < 2) return found[0];
  const listed = found
    .map(({ id, name, engine }) => `${name} (${engine}'s ${id.slice(0, SHORT)})`)
    .join(", ");
  throw conflict(`${word} may be any of ${listed}: more of the id is wanted`);
}

/** Where a container's packets begin; of `--network host` the host's, of `container:NAME` that one's. */
function namespaceOf(topology: Topology, container: EngineContainer): Namespace | undefined {
  const all = [...topology.namespaces.values()];
  const own = all.find((one) => one.container?.id === container.id);
  if (own) return own;
  if (container.pid > 0) {
    const byPid = all.find(({ pids }) => pids.includes(container.pid));
    if (byPid) return byPid;
  }
  if (container.sandboxKey !== undefined) {
    const pinned = all.find(({ pins }) => pins.includes(container.sandboxKey ?? ""));
    if (pinned) return pinned;
  }
  if (container.networkMode === "host" && container.state === "running") return hostOf(topology);
  const shared = /^container:(.+)$/.exec(container.networkMode)?.[1];
  const owner = shared && containersOf(topology).find(({ id, name }) => id === shared || name === shared);
  return owner && owner !== container ? namespaceOf(topology, owner) : undefined;
}

/**
 * Told to who asks for what isn't here.
 * @param besides what else it isn't: `, nor …`
 */
export function unknownPlace(topology: Topology, word: string, besides = ""): string {
  const names = [
    "host",
    "outside",
    ...containersOf(topology).map(({ name }) => name),
    ...[...topology.namespaces.values()].map(({ name }) => name),
  ];
  const guess = nearest(word, names);
  const meant = guess === undefined ? "" : `; did you mean ${guess}?`;
  const unseen = topology.unread.length > 0 ? ` (${topology.unread.join("; ")})` : "";
  return `a container named ${JSON.stringify(word)} isn't here${besides}${meant}${unseen}`;
}

/** Addresses by which others can reach it: global ones of links other than loopback, those still good first. */
export function reachableAddresses(namespace: Namespace, family?: Family): readonly ObservedAddress[] {
  const loopbacks = new Set(namespace.links.filter(({ loopback }) => loopback).map(({ ifindex }) => ifindex));
  return namespace.addresses
    .filter(
      ({ ifindex, address, scope }) =>
        scope === RT_SCOPE.universe &&
        !loopbacks.has(ifindex) &&
        (family === undefined || address.address.family === family),
    )
    .toSorted((a, b) => Number(a.deprecated) - Number(b.deprecated) || a.ifindex - b.ifindex);
}

/** Subnets that a namespace is in: what it reaches without a router. */
const subnetsOf = (namespace: Namespace): readonly Prefix[] =>
  reachableAddresses(namespace).map(({ address }) => address);

/**
 * The address by which `from` would speak to `to`: on a network that both are on, else the first; IPv4 before IPv6.
 * @param from undefined for somebody who is not here
 */
export function addressBetween(
  from: Namespace | undefined,
  to: Namespace,
  family?: Family,
): Address | undefined {
  const candidates = reachableAddresses(to, family)
    .map(({ address }) => address.address)
    .toSorted((a, b) => a.family - b.family);
  const near = from ? subnetsOf(from) : [];
  return candidates.find((one) => near.some((subnet) => contains(subnet, one))) ?? candidates[0];
}

/** Whose address that is: of the asker, of the host, else of the one namespace that has it. */
export function ownerOf(topology: Topology, address: Address, asker?: Namespace): Namespace | undefined {
  const has = (namespace: Namespace) =>
    namespace.addresses.some((one) => sameAddress(one.address.address, address));
  const host = hostOf(topology);
  for (const first of [asker, host]) if (first && has(first)) return first;
  const owners = [...topology.namespaces.values()].filter(has);
  return owners.length === 1 ? owners[0] : undefined;
}
