/**
 * What the rules of one hook make of a packet: nftables' programs, run, and xtables', read. Pure. Whoever walks a packet
 * through a namespace (`trace/walk/`) asks hook by hook.
 */
import type { Family, Mac } from "../../lib/ip.ts";
import type { Namespace } from "../../observe/types.ts";
import type { Packet } from "../packet/types.ts";
import type { RuleRef } from "../types.ts";

/** The layer that asks: `netdev` before all, `bridge` for what goes from port to port, `arp`, and IP by its family. */
export type Layer = "netdev" | "bridge" | "arp" | "ip" | "ip6";

export type HookName = "ingress" | "prerouting" | "input" | "forward" | "output" | "postrouting" | "egress";

/** What a rule can ask that is not in the packet. */
export interface Surroundings {
  readonly namespace: Namespace;
  readonly layer: Layer;
  readonly hook: HookName;
  /** Links by index, where the hook has them. */
  readonly in?: number;
  readonly out?: number;
  /** Of a bridged packet shown to IP's hooks (br_netfilter): the ports; `in` and `out` are the bridge then. */
  readonly physicalIn?: number;
  readonly physicalOut?: number;
  /** Undefined before connection tracking has looked, and where it is not in use. */
  readonly connection?: ConnectionView;
  /** Of what a socket here sends: who owns it. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3. */
  readonly packetType: number;
  /** Looks up routes as fib expressions, rpfilter and addrtype do. */
  readonly routes: RouteView;
}

export interface ConnectionView {
  readonly state: "new" | "established" | "related" | "invalid" | "untracked";
  readonly direction: "original" | "reply";
  readonly mark: number;
  readonly zone: number;
  /** IPS_*: as `ObservedConnection`. */
  readonly status: number;
  readonly original: ConnectionTuple;
  readonly reply: ConnectionTuple;
}

export interface ConnectionTuple {
  readonly family: Family;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface RouteView {
  /** RTN_* of an address as the local tables have it, with or without a link that it must be on. */
  addressType(address: Uint8Array, ifindex?: number): number;
  /** The link that a packet with these would leave by; undefined where there is no route. */
  outputLink(
    to: Uint8Array,
    from: Uint8Array | undefined,
    mark: number,
    ifindex?: number,
  ): number | undefined;
  macOf(ifindex: number): Mac | undefined;
}

/** Asked of a nat chain by the first packet of a connection. */
export type Translation =
  | {
      readonly what: "source" | "destination";
      readonly address?: Uint8Array;
      readonly ports?: readonly [number, number];
      readonly rule: RuleRef;
    }
  /** The address of the link that it leaves by. */
  | { readonly what: "masquerade"; readonly ports?: readonly [number, number]; readonly rule: RuleRef }
  /** To the link that it came in by, or 127.0.0.1 at output. */
  | { readonly what: "redirect"; readonly ports?: readonly [number, number]; readonly rule: RuleRef };

/** A rule that was matched, in order: what `nftrace` would tell. */
export interface Met {
  readonly rule: RuleRef;
  /** `accept`, `jump DOCKER-USER`, `dnat to 172.17.0.2:80`, `set mark 0x1`, `policy drop`. */
  readonly does: string;
  /** Of several ways that come to the same, some met it. */
  readonly perhaps?: true;
}

export type HookVerdict =
  | { readonly do: "accept" }
  | { readonly do: "drop"; readonly by: RuleRef }
  /** An answer is sent: `icmp-port-unreachable`, `tcp reset`. */
  | { readonly do: "reject"; readonly by: RuleRef; readonly with: string }
  /** A program is asked, or another device gets it: what becomes of it is not in the topology. */
  | { readonly do: "elsewhere"; readonly by: RuleRef; readonly how: string };

/** What became of it in one chain, or all chains of a stage of a hook. */
export interface Outcome {
  readonly verdict: HookVerdict;
  readonly met: readonly Met[];
  /** With what rules wrote in it: mark, addresses, TTL. */
  readonly packet: Packet;
  /** What a nat chain asked for. The walker carries it out. */
  readonly translation?: Translation;
  readonly connectionMark?: number;
  readonly notrack?: boolean;
  /** Why this outcome is one of several: a sentence each. */
  readonly assumptions: readonly string[];
}

/**
 * When a stage was registered, as far as handles of nftables' tables tell, which are counted up: not before table `from`, and
 * not after what came after table `until`. Of equal priority the later registered is asked first.
 */
export interface Registered {
  /** In which the order is known. */
  readonly table: string;
  readonly from: number;
  /** Infinity where it may have been at any time since. */
  readonly until: number;
}

/** A base chain, or a table of xtables, at a hook: what is asked in the order of its priority. */
export interface Stage {
  /** NF_IP_PRI_*, linux/netfilter_ipv4.h; of the bridge family linux/netfilter_bridge.h. */
  readonly priority: number;
  readonly type: "filter" | "nat" | "route";
  readonly label: string;
  readonly registered?: Registered;
  /** One where all is certain, more where not. */
  run(packet: Packet, around: Surroundings): readonly Outcome[];
}

/**
 * The stages of a namespace at a hook, by priority. nat stages are asked for the first packet of a connection only, and no
 * further one after a translation was chosen.
 */
export type StagesOf = (namespace: Namespace, layer: Layer, hook: HookName) => readonly Stage[];

/** Whether anything in the namespace makes the kernel track connections of a family: rules that ask for their state, or nat. */
export type TracksConnections = (namespace: Namespace, family: Family) => boolean;
