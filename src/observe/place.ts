/** A namespace, looked up: its lists by what a packet's way asks for. Each index is made when it is first needed. */
import type { Address, Mac } from "../lib/ip.ts";
import { memo, memoBy } from "../lib/memo.ts";
import type {
  ForwardingEntry,
  Namespace,
  ObservedAddress,
  ObservedLink,
  ObservedNeighbour,
} from "./types.ts";

/** An address as a key of maps: families don't meet. */
export const keyOf = ({ family, bits }: Address): bigint => (bits << 1n) | (family === 6 ? 1n : 0n);

/** What of a namespace a packet's way asks for. */
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

/** Things by what they have in common, each group in the order given. */
export function grouped<T, K>(items: readonly T[], by: (item: T) => K): ReadonlyMap<K, readonly T[]> {
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

/** Made once for a namespace. */
export const placeOf: (namespace: Namespace) => Place = memoBy(placeOfNamespace);

/** Up to so many links a search is quicker than an index is made: a container has two. */
const FEW = 8;

/** The link of that index; undefined where there is none, or none is asked for. */
export function linkAt(namespace: Namespace, ifindex: number | undefined): ObservedLink | undefined {
  if (ifindex === undefined) return undefined;
  return namespace.links.length > FEW
    ? placeOf(namespace).link(ifindex)
    : namespace.links.find((link) => link.ifindex === ifindex);
}
