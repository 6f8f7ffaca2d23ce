/** The way between this machine and the world. Pure. */
import { type Address, type Family, type Mac, parseAddress, sameAddress } from "../../lib/ip.ts";
import { defaultRoutes, hostOf } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import type { LinkRef, Namespace, ObservedRoute, Topology } from "../../observe/types.ts";

export interface Uplink {
  readonly link: LinkRef;
  readonly gateway?: Address;
  /** The gateway's, where the host knows it. */
  readonly mac?: Mac;
  /** The namespace at the link's other end, where that is on this machine: a test's, a virtual machine's. */
  readonly beyond?: Namespace;
}

/** Of documentation, RFC 5737 and RFC 3849: nobody's. */
const STRANGERS: Readonly<Record<Family, Address>> = {
  4: parseAddress("198.51.100.77"),
  6: parseAddress("2001:db8:ffff::77"),
};

export const strangerOf = (family: Family): Address => STRANGERS[family];

const defaultRoute = (namespace: Namespace, family: Family): ObservedRoute | undefined =>
  defaultRoutes(namespace, family).find(({ hops }) => hops.length > 0);

/** Where it sends what it knows no better way for. */
export function gatewayOf(namespace: Namespace, family: Family): Address | undefined {
  return defaultRoute(namespace, family)?.hops.find(({ via }) => via !== undefined)?.via;
}

/** The host's way out. */
export function uplinkOf(topology: Topology, family: Family): Uplink | undefined {
  const host = hostOf(topology);
  const hop = defaultRoute(host, family)?.hops[0];
  const link = linkAt(host, hop?.ifindex);
  if (!hop || !link) return undefined;
  const gateway = hop.via;
  const neighbour = gateway && host.neighbours.find((one) => !one.proxy && sameAddress(one.address, gateway));
  const beyond =
    link.other?.namespace === undefined ? undefined : topology.namespaces.get(link.other.namespace);
  return {
    link: { namespace: host.id, ifindex: link.ifindex },
    ...(gateway && { gateway }),
    ...(neighbour?.mac && { mac: neighbour.mac }),
    ...(beyond && beyond !== host && { beyond }),
  };
}
