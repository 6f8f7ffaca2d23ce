/** Which links are listened to, for what a user names. Pure: the topology is a value. */
import { formatPrefix } from "../lib/ip.ts";
import { linkOf, otherEnd, portsOf } from "../observe/lookup.ts";
import type { LinkRef, Namespace, NamespaceId, ObservedLink, Topology } from "../observe/types.ts";
import { isUnderstood } from "./link-types.ts";
import type { Tapped } from "./types.ts";

/** What a capture is asked for, found in the topology. */
export type Target =
  /** A namespace's own links: a container's, or the host's. */
  | { readonly kind: "namespace"; readonly namespace: NamespaceId }
  /** A bridge with its ports. */
  | { readonly kind: "bridge"; readonly bridge: LinkRef }
  /** Links by themselves: one that is named, or those of a whole path, or of a network's containers. */
  | { readonly kind: "links"; readonly links: readonly LinkRef[] };

/**
 * The links of a target, those whose frames are understood, and of each the way that counts:
 * - of a bridge, what each port takes in and what the bridge itself sends: that is every frame that the bridge has to
 *   carry, once, as it came, whatever the bridge does with it then, flooding or dropping;
 * - of a namespace, both ways of each link but of bridges' ports: what concerns the namespace is seen at the bridge;
 * - of a loopback, what comes in: what goes out of it is the same;
 * - of links by themselves, both ways: on a path, each link tells its part.
 */
export function tappedOf(topology: Topology, target: Target): readonly Tapped[] {
  switch (target.kind) {
    case "namespace":
      return (topology.namespaces.get(target.namespace)?.links ?? [])
        .filter(({ master, up }) => master === undefined && up)
        .flatMap(({ ifindex }) => tap(topology, { namespace: target.namespace, ifindex }));
    case "bridge": {
      const { namespace } = target.bridge;
      const ports = portsOf(topology, target.bridge).map(({ ifindex }) => ({ namespace, ifindex }));
      return [...tap(topology, target.bridge, "out"), ...ports.flatMap((port) => tap(topology, port, "in"))];
    }
    case "links": {
      const once = new Map(target.links.map((link) => [`${link.namespace} ${link.ifindex}`, link]));
      return [...once.values()].flatMap((link) => tap(topology, link));
    }
  }
}

/** None where the link is not there, or its frames are not understood. */
function tap(topology: Topology, ref: LinkRef, way?: "in" | "out"): readonly Tapped[] {
  const namespace = topology.namespaces.get(ref.namespace);
  const link = linkOf(topology, ref);
  if (!namespace || !link || !isUnderstood(link.hardware)) return [];
  const only = link.loopback ? "in" : way;
  const far = farEndOf(topology, ref);
  const container = [namespace, far?.namespace].find((one) => one?.container)?.name;
  return [
    {
      link: ref,
      name: link.name,
      namespace: namespace.id,
      place: namespace.name,
      path: namespace.path,
      hardware: link.hardware,
      addresses: addressesOf(namespace, link),
      comment: commentOf(namespace, link, far),
      ...(container !== undefined && { container }),
      ...(link.mac !== undefined && { mac: link.mac }),
      ...(only !== undefined && { only }),
    },
  ];
}

const addressesOf = (namespace: Namespace, link: ObservedLink) =>
  namespace.addresses.filter(({ ifindex }) => ifindex === link.ifindex).map(({ address }) => address);

interface FarEnd {
  readonly namespace: Namespace;
  readonly link: ObservedLink;
}

function farEndOf(topology: Topology, ref: LinkRef): FarEnd | undefined {
  const other = otherEnd(topology, ref);
  const namespace = other && topology.namespaces.get(other.namespace);
  const link = other && linkOf(topology, other);
  return namespace && link && { namespace, link };
}

/**
 * `web: eth0, 172.17.0.2/16, peer of veth1a2b in host`; of a bridge's port, whom it leads to: `host: veth1a2b, port of
 * docker0, peer of eth0 in web`.
 */
function commentOf(namespace: Namespace, link: ObservedLink, far: FarEnd | undefined): string {
  const master = namespace.links.find(({ ifindex }) => ifindex === link.master);
  const relation = link.kind === "veth" ? "peer of" : "on";
  return [
    `${namespace.name}: ${link.name}`,
    ...addressesOf(namespace, link).map(formatPrefix),
    ...(master ? [`port of ${master.name}`] : []),
    ...(far ? [`${relation} ${far.link.name} in ${far.namespace.name}`] : []),
  ].join(", ");
}
