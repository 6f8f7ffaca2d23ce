/** Links and what each is joined to: where a packet that leaves by one comes in. */
import { memoBy } from "../../lib/memo.ts";
import { grouped, linkAt } from "../../observe/place.ts";
import type { Namespace, NamespaceId, ObservedLink, Topology } from "../../observe/types.ts";

/** A link with the namespace that it is in. */
export interface Port {
  readonly namespace: Namespace;
  readonly link: ObservedLink;
}

/** Undefined where the namespace is not to be seen from here, or has no such link. */
export function portAt(
  topology: Topology,
  namespace: NamespaceId | undefined,
  ifindex: number,
): Port | undefined {
  const there = namespace === undefined ? undefined : topology.namespaces.get(namespace);
  const link = there && linkAt(there, ifindex);
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

/** Links that stand upon this one, in whichever namespaces they are. */
export function stackedOn(topology: Topology, { namespace, link }: Port): readonly Port[] {
  const stacked = stackedIn(topology);
  return stacked.size === 0 ? NOTHING : (stacked.get(`${namespace.id} ${link.ifindex}`) ?? NOTHING);
}

/** `eth0 of web`: a link for people. */
export const nameOf = ({ namespace, link }: Port): string => `${link.name} of ${namespace.name}`;
