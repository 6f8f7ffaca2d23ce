/** What is forwarded for our networks: a sample of each kind, by each bridge and family. */
import { subnetOf } from "../../lib/ip.ts";
import type { HostState } from "../host-state.ts";
import type { Packet } from "./packet.ts";

export interface Flow {
  /** From containers, to their published ports, or between two of one network. */
  readonly way: "out" | "in" | "within";
  readonly bridge: string;
  readonly packet: Packet;
}

/** What of the host decides which packets its firewalls are shown, and by which links. */
export interface PathFacts extends HostState {
  /** Whether frames between two ports of a bridge are shown to the firewall of their family (br_netfilter). */
  readonly bridgeNetfilter: { readonly 4: boolean; readonly 6: boolean };
}

/** Kinds of links that lead elsewhere, and not to somebody's containers or virtual machines. */
const OUTWARD: readonly (string | undefined)[] = [
  undefined, // hardware
  "bond",
  "team",
  "vlan",
  "wireguard",
  "tun",
  "ppp",
  "ipip",
  "sit",
  "gre",
  "ip6tnl",
  "vti",
  "xfrm",
  "wwan",
];

/** By which links the host reaches others, those of default routes first. */
export function uplinksOf({ links, routes }: Pick<PathFacts, "links" | "routes">): readonly string[] {
  const defaults = new Set(routes.flatMap(({ to, ifindex }) => (to === "default" ? [ifindex] : [])));
  const leads = links.filter(({ ifindex }) => defaults.has(ifindex));
  const others = links.filter(
    ({ kind, loopback, master }) => OUTWARD.includes(kind) && !loopback && master === undefined,
  );
  return [...new Set([...leads, ...others].map(({ name }) => name))];
}

/** RT_SCOPE_UNIVERSE: not a link-local address. */
const GLOBAL = 0;

export function flowsOf(bridges: readonly string[], facts: PathFacts): readonly Flow[] {
  const [uplink] = uplinksOf(facts);
  const outside = uplink === undefined ? {} : { in: uplink };
  return bridges.flatMap((bridge) => {
    const link = facts.links.find(({ name }) => name === bridge);
    const addresses = facts.addresses.filter(
      ({ ifindex, scope }) => ifindex === link?.ifindex && scope === GLOBAL,
    );
    return addresses.flatMap(({ address }): Flow[] => {
      const subnet = subnetOf(address);
      const { family } = address.address;
      const plain = { family, translated: false, bridged: false };
      const within = {
        ...plain,
        bridged: true,
        in: bridge,
        out: bridge,
        source: subnet,
        destination: subnet,
      };
      return [
        {
          way: "out",
          bridge,
          packet: { ...plain, in: bridge, source: subnet, ...(uplink !== undefined && { out: uplink }) },
        },
        {
          way: "in",
          bridge,
          packet: { ...plain, ...outside, out: bridge, destination: subnet, translated: true },
        },
        ...(facts.bridgeNetfilter[family] ? [{ way: "within", bridge, packet: within } as const] : []),
      ];
    });
  });
}

/** The same, as the firewall of the bridge family sees it: names of ports, which come and go. */
export const framesOf = (bridges: readonly string[]): readonly Flow[] =>
  bridges.map((bridge) => ({
    way: "within",
    bridge,
    packet: { family: 4, translated: false, bridged: true },
  }));
