/** Layer 2: who hears whom without a router. A bridge, and the ends of the pairs that are its ports. */
import { memoBy } from "../../lib/memo.ts";
import type { LinkRef, Namespace, NamespaceId, ObservedLink, Topology } from "../../observe/types.ts";

/** A link that hears what is said on a segment. */
export interface Member {
  readonly namespace: Namespace;
  readonly link: ObservedLink;
  /** The port of the bridge that leads to it; absent for the bridge itself. */
  readonly port?: ObservedLink;
}

export interface Segment {
  /** Where the bridge is. */
  readonly namespace: Namespace;
  readonly bridge: ObservedLink;
  /** The bridge first. */
  readonly members: readonly Member[];
  /** Whether others may be on it that are not in the topology: behind a cable, a tunnel, a virtual machine's tap. */
  readonly open: boolean;
}

const keyOf = (namespace: NamespaceId, ifindex: number): string => `${namespace} ${ifindex}`;

class Segments {
  readonly all: readonly Segment[];
  readonly #byLink = new Map<string, Segment>();

  constructor(topology: Topology) {
    const links = new Map<string, Member>();
    for (const namespace of topology.namespaces.values())
      for (const link of namespace.links) links.set(keyOf(namespace.id, link.ifindex), { namespace, link });
    this.all = [...links.values()]
      .filter(({ link }) => link.kind === "bridge")
      .map(({ namespace, link }) => segmentOf(namespace, link, links));
    for (const segment of this.all)
      for (const { namespace, link } of segment.members)
        this.#byLink.set(keyOf(namespace.id, link.ifindex), segment);
  }

  /** The one that a link hears. */
  of({ namespace, ifindex }: LinkRef): Segment | undefined {
    return this.#byLink.get(keyOf(namespace, ifindex));
  }

  ofBridge(namespace: Namespace, name: string | undefined): Segment | undefined {
    return this.all.find((one) => one.namespace.id === namespace.id && one.bridge.name === name);
  }
}

/** Computed once a topology. */
export const segmentsOf: (topology: Topology) => Segments = memoBy(
  (topology: Topology) => new Segments(topology),
);

function segmentOf(namespace: Namespace, bridge: ObservedLink, links: ReadonlyMap<string, Member>): Segment {
  const members: Member[] = [{ namespace, link: bridge }];
  let open = false;
  for (const port of namespace.links) {
    if (port.master !== bridge.ifindex) continue;
    const { other } = port;
    const end =
      port.kind === "veth" && other?.namespace !== undefined
        ? links.get(keyOf(other.namespace, other.ifindex))
        : undefined;
    if (end) members.push({ ...end, port });
    else open = true;
  }
  return { namespace, bridge, members, open };
}
