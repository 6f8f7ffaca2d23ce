/**
 * What can be done to the kernel, as plain data. `network/` computes a plan with pure functions; the
 * executor carries it out on a thread of its own. A plan crosses threads by structured clone, so nothing
 * in it has methods.
 */
import type { Brand } from "../lib/ids.ts";
import { type Address, type Family, formatAddress, formatPrefix, type Mac, type Prefix } from "../lib/ip.ts";

/** Where a network namespace is pinned (a bind mount of its nsfs file). A step without one is about the engine's own. */
export type NetnsPath = Brand<"NetnsPath">;

/** A part of an element's key or value, as the type of its set has it. */
export type Datum =
  | { readonly ifname: string }
  | { readonly address: Address }
  | { readonly mac: Mac }
  /** inet_service. */
  | { readonly port: number }
  /** inet_proto: 6 tcp, 17 udp, 132 sctp. */
  | { readonly protocol: number }
  /** All addresses of it: in sets with `flags interval`. */
  | { readonly subnet: Prefix }
  /** nf_proto. */
  | { readonly nfproto: "ipv4" | "ipv6" };

/** An element of a set or, with a value, of a map; several data are a concatenation. */
export interface SetElement {
  readonly family: "inet" | "ip" | "ip6" | "arp" | "bridge" | "netdev";
  readonly table: string;
  readonly set: string;
  readonly key: readonly Datum[];
  readonly value?: readonly Datum[];
}

/**
 * Another port in the place of one: what leaves for `address`:`from` goes to port `to`, and what comes from
 * `address`:`to` says that it came from port `from`. UDP and TCP, of an IPv4 address that is the namespace's own.
 */
export interface PortRewrite {
  readonly address: Address;
  readonly from: number;
  readonly to: number;
}

/** As the one chain, `output`, of a table of family `ip`: without connection tracking. */
export interface PortRewrites {
  readonly table: string;
  readonly ports: readonly PortRewrite[];
}

export type Step =
  /** Make a network namespace, its `lo` up, and pin it at `path`; the file is made, its directory must exist. */
  | {
      readonly do: "add-netns";
      readonly path: NetnsPath;
      /** Set before anything is in it: those that every namespace of a kind has, so that one can be kept in reserve. */
      readonly sysctls?: Readonly<Record<string, string>>;
      /** Of a kind, too. */
      readonly rewrites?: PortRewrites;
    }
  /** Unpin it. Links in it go when its last user does, in the kernel's own time. */
  | { readonly do: "remove-netns"; readonly path: NetnsPath }
  /** A bridge, down. */
  | { readonly do: "add-bridge"; readonly name: string; readonly mac?: Mac; readonly mtu: number }
  /** A veth pair, its peer born in `peer.netns` under its final name and address; both ends up where `up`. */
  | {
      readonly do: "add-veth";
      readonly name: string;
      readonly mac?: Mac;
      readonly mtu: number;
      readonly master?: string;
      /** As a port of `master`: frames may leave by it that came by it, where they were led back to their sender. */
      readonly hairpin?: true;
      /** IFLA_IFALIAS: who this link belongs to, for people who read `ip link`. */
      readonly alias?: string;
      readonly up: boolean;
      readonly peer: {
        readonly netns: NetnsPath;
        readonly name: string;
        readonly mac?: Mac;
        readonly mtu: number;
      };
    }
  /** A macvlan link, born in `netns` under its final name and address, up. `parent` is a link of the engine's namespace. */
  | {
      readonly do: "add-macvlan";
      readonly netns: NetnsPath;
      readonly name: string;
      readonly parent: string;
      readonly mode: "bridge" | "private" | "vepa" | "passthru";
      readonly mac?: Mac;
      readonly mtu?: number;
      readonly alias?: string;
    }
  /** An 802.1Q link on `parent`, up. */
  | { readonly do: "add-vlan"; readonly name: string; readonly parent: string; readonly id: number }
  | {
      readonly do: "set-link";
      readonly netns?: NetnsPath;
      readonly name: string;
      readonly up?: boolean;
      readonly mtu?: number;
      readonly mac?: Mac;
      readonly alias?: string;
      /** The bridge that it becomes a port of, by name. */
      readonly master?: string;
      /** Of a port of a bridge already: as of `add-veth`. Lost with its place on the bridge, and has no reverse. */
      readonly hairpin?: true;
    }
  | { readonly do: "delete-link"; readonly netns?: NetnsPath; readonly name: string }
  | {
      readonly do: "add-address";
      readonly netns?: NetnsPath;
      readonly link: string;
      readonly address: Prefix;
      readonly broadcast?: Address;
      /** IPv6: without duplicate address detection, so that it can be used at once. Always so in a namespace that is not the engine's. */
      readonly noDad?: boolean;
    }
  | {
      readonly do: "delete-address";
      readonly netns?: NetnsPath;
      readonly link: string;
      readonly address: Prefix;
    }
  | {
      readonly do: "add-route";
      readonly netns?: NetnsPath;
      readonly to: Prefix | "default";
      /** Of a default route without `via`: which family's. */
      readonly family?: Family;
      readonly via?: Address;
      readonly link?: string;
    }
  | {
      readonly do: "delete-route";
      readonly netns?: NetnsPath;
      readonly to: Prefix | "default";
      /** Of the default route: which family's, where neither `via` nor `to` tells. */
      readonly family?: Family;
      readonly via?: Address;
      readonly link?: string;
    }
  /** `net.ipv4.ip_forward` style; a dot inside a component is written as a slash (`net.ipv4.conf.eth0/10.forwarding`). */
  | { readonly do: "set-sysctl"; readonly netns?: NetnsPath; readonly key: string; readonly value: string }
  /** nft commands as text, one transaction; `remove` is their reverse. `about` names them in errors. */
  | { readonly do: "nft"; readonly about: string; readonly add: string; readonly remove: string }
  /** Elements that are not there yet, in one transaction; four times faster than as text. */
  | { readonly do: "add-elements"; readonly about: string; readonly elements: readonly SetElement[] }
  | { readonly do: "delete-elements"; readonly about: string; readonly elements: readonly SetElement[] };

export type StepOf<Do extends Step["do"]> = Extract<Step, { readonly do: Do }>;

export type Plan = readonly Step[];

/** What a step that was carried out made known. Empty where there is nothing to tell. */
export interface Fact {
  /** Of the link that was made, in the engine's namespace. */
  readonly ifindex?: number;
  /** Of the link inside a container's namespace, by its own count: a veth's other end, a macvlan link. */
  readonly peerIfindex?: number;
  /** What a sysctl was before. */
  readonly previous?: string;
}

/** One line that names a step in errors and logs: `create veth vethb1c9d0e (peer eth0)`. */
export function describe(step: Step): string {
  switch (step.do) {
    case "add-netns":
      return `create network namespace ${step.path}`;
    case "remove-netns":
      return `remove network namespace ${step.path}`;
    case "add-bridge":
      return `create bridge ${step.name}`;
    case "add-veth":
      return `create veth ${step.name} (peer ${step.peer.name})`;
    case "add-macvlan":
      return `create macvlan ${step.name} on ${step.parent}`;
    case "add-vlan":
      return `create VLAN ${step.id} ${step.name} on ${step.parent}`;
    case "set-link":
      return `set link ${step.name}`;
    case "delete-link":
      return `delete link ${step.name}`;
    case "add-address":
      return `add address ${formatPrefix(step.address)} to ${step.link}`;
    case "delete-address":
      return `delete address ${formatPrefix(step.address)} of ${step.link}`;
    case "add-route": {
      const to = step.to === "default" ? "default route" : `route to ${formatPrefix(step.to)}`;
      return `add ${to}${step.via ? ` via ${formatAddress(step.via)}` : ""}${step.link ? ` on ${step.link}` : ""}`;
    }
    case "delete-route":
      return `delete ${step.to === "default" ? "default route" : `route to ${formatPrefix(step.to)}`}`;
    case "set-sysctl":
      return `set ${step.key}=${step.value}`;
    case "nft":
    case "add-elements":
    case "delete-elements":
      return step.about;
  }
}
