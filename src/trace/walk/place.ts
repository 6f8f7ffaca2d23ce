/** A namespace, looked up: its lists by what a packet's way asks for. Each index is made when it is first needed. */
import type { Address, Mac } from "../../lib/ip.ts";
import type {
  ForwardingEntry,
  Namespace,
  NamespaceId,
  ObservedAddress,
  ObservedLink,
  ObservedNeighbour,
  Topology,
} from "../../observe/types.ts";
import { memo, memoBy } from "./memo.ts";

/** An address as a key of maps: families don't meet. */
export const keyOf = ({ family, bits }: Address): bigint => (bits << 1n) | (family === 6 ? 1n : 0n);

export interface Place {
  link(ifindex: number): ObservedLink | undefined;
  linkNamed(name: string): ObservedLink | undefined;
  /** By ifindex, the lowest first. */
  links(): readonly ObservedLink[];
  ports(bridge: number): readonly ObservedLink[];
  /** In the kernel's order. */
  addressesOn(ifindex: number): readonly ObservedAddress[];
  /** Where it is assigned: to no link, to one, to several. */
  holders(address: Address): readonly ObservedAddress[];
  neighbour(ifindex: number, address: Address): ObservedNeighbour | undefined;
  proxied(ifindex: number, address: Address): boolean;
  forwarding(bridge: number, mac: Mac): ForwardingEntry | undefined;
}

function grouped<T, K>(items: readonly T[], by: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = by(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function placeOfNamespace(namespace: Namespace): Place {
  const byIndex = memo(() => new Map(namespace.links.map((link) => [link.ifindex, link])));
  const byName = memo(() => new Map(namespace.links.map((link) => [link.name, link])));
  const inOrder = memo(() => namespace.links.toSorted((a, b) => a.ifindex - b.ifindex));
  const byMaster = memo(() => grouped(namespace.links, (link) => link.master));
  const addresses = memo(() => grouped(namespace.addresses, (address) => address.ifindex));
  const held = memo(() => grouped(namespace.addresses, ({ address }) => keyOf(address.address)));
  const neighbours = memo(() => grouped(namespace.neighbours, ({ address }) => keyOf(address)));
  const entries = memo(() => grouped(namespace.forwarding, ({ mac }) => mac));
  const near = (ifindex: number, address: Address, proxy: boolean) =>
    neighbours()
      .get(keyOf(address))
      ?.find((entry) => entry.ifindex === ifindex && entry.proxy === proxy);
  return {
    link: (ifindex) => byIndex().get(ifindex),
    linkNamed: (name) => byName().get(name),
    links: inOrder,
    ports: (bridge) => byMaster().get(bridge) ?? [],
    addressesOn: (ifindex) => addresses().get(ifindex) ?? [],
    holders: (address) => held().get(keyOf(address)) ?? [],
    neighbour: (ifindex, address) => near(ifindex, address, false),
    proxied: (ifindex, address) => near(ifindex, address, true) !== undefined,
    forwarding: (bridge, mac) =>
      entries()
        .get(mac)
        ?.find((entry) => entry.bridge === bridge && entry.vlan === undefined) ??
      entries()
        .get(mac)
        ?.find((entry) => entry.bridge === bridge),
  };
}

export const placeOf: (namespace: Namespace) => Place = memoBy(placeOfNamespace);

/** A link with the namespace that it is in. */
export interface Port {
  readonly namespace: Namespace;
  readonly link: ObservedLink;
}

/** Up to so many links a search is quicker than an index is made: a container has two. */
const FEW = 8;

const linkOf = (namespace: Namespace, ifindex: number): ObservedLink | undefined =>
  namespace.links.length > FEW
    ? placeOf(namespace).link(ifindex)
    : namespace.links.find((link) => link.ifindex === ifindex);

export function portAt(
  topology: Topology,
  namespace: NamespaceId | undefined,
  ifindex: number,
): Port | undefined {
  const there = namespace === undefined ? undefined : topology.namespaces.get(namespace);
  const link = there && linkOf(there, ifindex);
  return there && link && { namespace: there, link };
}

/** A pair's other end, or what a link stands upon; undefined where that is in a namespace that can't be seen from here. */
export const otherEnd = (topology: Topology, { other }: ObservedLink): Port | undefined =>
  other && portAt(topology, other.namespace, other.ifindex);

/** Links that stand upon another one (macvlan, vlan), by that one. */
const stackedIn = memoBy((topology: Topology): ReadonlyMap<string, readonly Port[]> => {
  const all: Port[] = [];
  for (const namespace of topology.namespaces.values()) {
    for (const link of namespace.links) if (stands(link)) all.push({ namespace, link });
  }
  return grouped(all, ({ link }) => `${link.other?.namespace} ${link.other?.ifindex}`);
});

const stands = (link: ObservedLink): boolean =>
  link.other !== undefined &&
  (link.macvlanMode !== undefined || link.vlanId !== undefined || link.kind === "ipvlan");

const NOTHING: readonly Port[] = [];

export function stackedOn(topology: Topology, { namespace, link }: Port): readonly Port[] {
  const stacked = stackedIn(topology);
  return stacked.size === 0 ? NOTHING : (stacked.get(`${namespace.id} ${link.ifindex}`) ?? NOTHING);
}

/** `eth0 of web`: a link for people. */
export const nameOf = ({ namespace, link }: Port): string => `${link.name} of ${namespace.name}`;
