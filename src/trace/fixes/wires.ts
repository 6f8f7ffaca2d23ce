/** What is between a container and its bridge, where that is cut: links that are down, ports that aren't. Pure. */
import { shell } from "../../lib/shell.ts";
import { BR_STATE_FORWARDING } from "../../linux/rtnetlink/port-state.ts";
import type { Namespace, ObservedLink, Topology } from "../../observe/types.ts";
import type { DropReason } from "../types.ts";
import { networksOf } from "./case.ts";
import type { Case, Explain, Explanation, Fix } from "./types.ts";
import { fix, inside } from "./words.ts";

/** As it is met by who asks for an address, or sends to one whose MAC is known. */
const UNHEARD: ReadonlySet<DropReason["code"]> = new Set([
  "no-neighbour",
  "wrong-mac",
  "no-carrier",
  "link-down",
  "port-state",
]);

/** A pair, from a container to a bridge. */
interface Wire {
  readonly home: Namespace;
  readonly link: ObservedLink;
  readonly far: Namespace;
  readonly port: ObservedLink;
  readonly bridge?: ObservedLink;
}

const wiresOf = (topology: Topology, home: Namespace | undefined): readonly Wire[] =>
  home === undefined || home.host
    ? []
    : home.links.flatMap((link): readonly Wire[] => {
        const far =
          link.other?.namespace === undefined ? undefined : topology.namespaces.get(link.other.namespace);
        const port = far?.links.find(({ ifindex }) => ifindex === link.other?.ifindex);
        if (link.kind !== "veth" || !far || !port || far === home) return [];
        const bridge = far.links.find(({ ifindex }) => ifindex === port.master);
        return [{ home, link, far, port, ...(bridge && { bridge }) }];
      });

/** The first thing that is wrong with it, from the container on. */
function cutOf(topology: Topology, { home, link, far, port, bridge }: Wire): Explanation | undefined {
  const at = `${link.name} of ${home.name}`;
  const up = (where: Namespace, { name }: ObservedLink): Fix =>
    fix(inside(where, shell`ip link set ${name} up`), "sets the link up");
  const cut = (why: string, mend: Fix): Explanation => ({ at, why, fixes: [mend] });
  if (!link.up) return cut("it is down", up(home, link));
  if (!port.up) return cut(`its other end, ${port.name} of ${far.name}, is down`, up(far, port));
  if (!bridge) {
    const [wanted, ...others] = networksOf(topology, home).flatMap((network) => network.bridge ?? []);
    if (wanted === undefined || others.length > 0) return undefined;
    // So that the container reaches its own published ports: Docker has a proxy for that.
    const hairpin =
      home.container?.engine === "drawbridge" ? shell` && bridge link set dev ${port.name} hairpin on` : "";
    return cut(
      `its other end, ${port.name} of ${far.name}, is no port of ${wanted}`,
      fix(
        `${inside(far, shell`ip link set ${port.name} master ${wanted}`)}${hairpin}`,
        "makes it a port of the bridge again",
      ),
    );
  }
  if (!bridge.up) return cut(`${bridge.name} of ${far.name}, which it leads to, is down`, up(far, bridge));
  return port.port && port.port.state !== BR_STATE_FORWARDING
    ? cut(
        `its other end, port ${port.name} of ${bridge.name}, does not forward`,
        fix(
          inside(far, shell`bridge link set dev ${port.name} state ${BR_STATE_FORWARDING}`),
          "has the port forward",
        ),
      )
    : undefined;
}

/** Of either end's wires, one is cut: who is behind it neither hears nor is heard. */
export const cutWire: Explain = ({ topology, reason, from, to }) => {
  if (!UNHEARD.has(reason.code) || reason.rule) return undefined;
  for (const wire of [from, to].flatMap(({ namespace }) => wiresOf(topology, namespace))) {
    const cut = cutOf(topology, wire);
    if (cut) return cut;
  }
  return undefined;
};

/** Ports of one bridge that may speak with the bridge alone: ip-link(8), `isolated`. */
export const isolatedPorts: Explain = (one) => {
  const { topology, reason, from, to } = one;
  if ((!UNHEARD.has(reason.code) && reason.code !== "isolated-port") || reason.rule) return undefined;
  const isolated = ({ namespace }: Case["from"]) =>
    wiresOf(topology, namespace).find(({ port }) => port.port?.isolated);
  const [mine, theirs] = [isolated(from), isolated(to)];
  if (!mine?.bridge || mine.bridge !== theirs?.bridge || mine.port === theirs.port) return undefined;
  return {
    at: "port isolation",
    why: `${mine.port.name} and ${theirs.port.name} are isolated ports of ${mine.bridge.name}, which passes nothing between such ports`,
    fixes: [
      fix(
        inside(mine.far, shell`bridge link set dev ${mine.port.name} isolated off`),
        `has ${from.label} speak with all ports again`,
      ),
    ],
  };
};
