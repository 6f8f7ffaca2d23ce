/** Questions that everybody asks of a topology. Pure, and each a look through what is there. */
import { conflict, notFound } from "../lib/errors.ts";
import { type Address, type Family, sameAddress } from "../lib/ip.ts";
import { didYouMean } from "../lib/nearest.ts";
import { RT_TABLE, RTN } from "../linux/rtnetlink/route-numbers.ts";
import { HIDDEN } from "./find-namespaces.ts";
import type { LinkRef, Namespace, ObservedAddress, ObservedLink, ObservedRoute, Topology } from "./types.ts";

/** The reader's own. */
export function hostOf(topology: Topology): Namespace {
  const host = topology.namespaces.get(topology.host);
  if (!host) throw new Error("a topology without its own namespace");
  return host;
}

/**
 * The namespace that is called so: by its name, by its container's name or id, or by the beginning of that id.
 * @throws EngineError not-found, with the name that is nearest; conflict where an id may be several
 */
export function namespaceOf(topology: Topology, word: string): Namespace {
  const all = [...topology.namespaces.values()];
  const exact = all.find(({ name, container }) => [name, container?.name, container?.id].includes(word));
  if (exact) return exact;
  const begun = /^[0-9a-f]+$/.test(word) ? all.filter(({ container }) => container?.id.startsWith(word)) : [];
  const [first, ...others] = begun;
  if (first && others.length === 0) return first;
  if (first) throw conflict(`${word} may be any of ${begun.map(({ name }) => name).join(", ")}`);
  throw notFound(
    `no network namespace or container is called ${word}${didYouMean(
      word,
      all.map(({ name }) => name),
    )}`,
  );
}

/** Undefined where it is gone, or its namespace is not to be seen. */
export const linkOf = (topology: Topology, { namespace, ifindex }: LinkRef): ObservedLink | undefined =>
  topology.namespaces.get(namespace)?.links.find((link) => link.ifindex === ifindex);

/** @throws EngineError not-found, with the name that is nearest */
export function linkByName({ name: where, links }: Namespace, name: string): ObservedLink {
  const link = links.find((one) => one.name === name);
  if (link) return link;
  const near = didYouMean(
    name,
    links.map((one) => one.name),
  );
  throw notFound(`${where} has no link ${name}${near}`);
}

/**
 * A veth's other end, or what a stacked link stands upon. Undefined where it has none, or one that is in a namespace which
 * can't be found.
 */
export function otherEnd(topology: Topology, link: LinkRef): LinkRef | undefined {
  const other = linkOf(topology, link)?.other;
  return other?.namespace === undefined ? undefined : { namespace: other.namespace, ifindex: other.ifindex };
}

/** A namespace that has an address, and the link that it is assigned to. */
export interface AddressOwner {
  readonly namespace: Namespace;
  /** Absent for one that went while it was read. */
  readonly link?: ObservedLink;
  readonly address: ObservedAddress;
}

/** Whether processes may live in a namespace that none is known of. */
export const hidesProcesses = ({ unread }: Topology): boolean => unread.some((one) => one.includes(HIDDEN));

/** Who has an address: one, if all is well; loopback's own is everybody's. */
export const addressOwners = (topology: Topology, wanted: Address): AddressOwner[] =>
  [...topology.namespaces.values()].flatMap((namespace) =>
    namespace.addresses
      .filter(({ address }) => sameAddress(address.address, wanted))
      .map((address) => {
        const link = namespace.links.find(({ ifindex }) => ifindex === address.ifindex);
        return { namespace, address, ...(link && { link }) };
      }),
  );

/** The links that are ports of a bridge, a bond or a VRF. */
export const portsOf = (topology: Topology, { namespace, ifindex }: LinkRef): readonly ObservedLink[] =>
  topology.namespaces.get(namespace)?.links.filter(({ master }) => master === ifindex) ?? [];

/** A number that a sysctl has; undefined where this kernel, or this namespace, has no such key. */
export function sysctlNumber({ sysctls }: Namespace, key: string): number | undefined {
  const number = Number.parseInt(sysctls.get(key) ?? "", 10);
  return Number.isNaN(number) ? undefined : number;
}

/** 0 off, 1 strict, 2 loose: what is in force on a link, which is the larger of its own and `all`'s. */
export const reversePathFilter = (namespace: Namespace, { settings }: ObservedLink): number =>
  Math.max(settings?.reversePathFilter ?? 0, sysctlNumber(namespace, "net.ipv4.conf.all.rp_filter") ?? 0);

/** Whether what comes in by a link for somebody else is passed on: of IPv4 the link says, of IPv6 the namespace. */
export function forwards(namespace: Namespace, { settings }: ObservedLink, family: Family): boolean {
  const key = family === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
  const own = family === 4 ? settings?.forwarding4 : undefined;
  return own ?? (sysctlNumber(namespace, key) ?? 0) !== 0;
}

/** The main table's ways to everywhere, the one that is taken first. */
export const defaultRoutes = ({ routes }: Namespace, family: Family): readonly ObservedRoute[] =>
  routes
    .filter((route) => route.family === family && route.to.length === 0 && route.table === RT_TABLE.main)
    .filter(({ type }) => type === RTN.unicast)
    .toSorted((a, b) => a.metric - b.metric);
