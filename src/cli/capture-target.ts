/** From the words of the command line to the links that are meant. */
import type { Target } from "../capture/tapped.ts";
import { conflict, notFound } from "../lib/errors.ts";
import { didYouMean } from "../lib/nearest.ts";
import { addressOwners, hostOf, linkByName } from "../observe/lookup.ts";
import type { EngineNetwork, LinkRef, Namespace, Topology } from "../observe/types.ts";
import { findPlace } from "../trace/ends/places.ts";

const SHORTEST_ID = 4;

const networksOf = (topology: Topology): readonly EngineNetwork[] =>
  topology.engines.flatMap(({ networks }) => networks);

function linkIn(namespace: Namespace, name: string): LinkRef | undefined {
  const link = namespace.links.find((one) => one.name === name);
  return link && { namespace: namespace.id, ifindex: link.ifindex };
}

/**
 * What a word names, the first of: a container, `host` or another namespace; a network; a link of the host; a link of
 * somebody's, as `web:eth0`.
 * @throws not-found, with what is called almost so; conflict where several are meant, or it doesn't run
 */
export function targetOf(topology: Topology, word: string): Target {
  const place = findPlace(topology, word);
  if (place) return { kind: "namespace", namespace: place.namespace.id };
  const network = networksOf(topology).find(
    ({ name, id }) => name === word || (word.length >= SHORTEST_ID && id.startsWith(word)),
  );
  if (network) return targetOfNetwork(topology, network);
  const link = linkIn(hostOf(topology), word) ?? linkOfPlace(topology, word);
  if (link) return { kind: "links", links: [link] };
  throw unknown(topology, word);
}

/** `web:eth0`. */
function linkOfPlace(topology: Topology, word: string): LinkRef | undefined {
  const colon = word.lastIndexOf(":");
  if (colon < 0) return undefined;
  const place = findPlace(topology, word.slice(0, colon));
  if (!place) return undefined;
  const { id: namespace } = place.namespace;
  return { namespace, ifindex: linkByName(place.namespace, word.slice(colon + 1)).ifindex };
}

/** Its bridge; of one that has none (macvlan), the links of those that are on it. */
function targetOfNetwork(topology: Topology, network: EngineNetwork): Target {
  const { name, bridge, driver } = network;
  const at = bridge === undefined ? undefined : linkIn(hostOf(topology), bridge);
  if (at) return { kind: "bridge", bridge: at };
  if (bridge !== undefined) throw conflict(`network ${name} has no bridge: ${bridge} is not on this host`);
  const links = topology.engines
    .flatMap(({ containers }) => containers)
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ networkId }) => networkId === network.id)
    .flatMap(({ addresses }) => addresses)
    .flatMap(({ address }) => addressOwners(topology, address))
    .map(({ namespace, address }) => ({ namespace: namespace.id, ifindex: address.ifindex }));
  if (links.length > 0) return { kind: "links", links };
  throw conflict(
    `network ${name} (${driver}) has no bridge and no container that runs: there is nothing to listen to`,
  );
}

function unknown(topology: Topology, word: string): Error {
  const names = [
    "host",
    ...topology.engines.flatMap(({ containers }) => containers.map(({ name }) => name)),
    ...networksOf(topology).map(({ name }) => name),
    ...[...topology.namespaces.values()].map(({ name }) => name),
    ...hostOf(topology).links.map(({ name }) => name),
  ];
  const unseen = topology.unread.length > 0 ? ` (${topology.unread.join("; ")})` : "";
  return notFound(
    `no container, network or link of this host is named ${JSON.stringify(word)}${didYouMean(word, names)}${unseen}`,
  );
}
