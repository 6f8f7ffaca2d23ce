/** The kernel's networking as the rest of the engine sees it: asynchronous, and never on the main thread. */
import type { Address, Family, Mac, Prefix } from "../lib/ip.ts";
import type { Fact, NetnsPath, Plan } from "./plan.ts";

/** A link as RTM_GETLINK tells it. */
export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** IFLA_INFO_KIND: `veth`, `bridge` …; absent for hardware and loopback. */
  readonly kind?: string;
  readonly mac?: Mac;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly master?: number;
  /** IFLA_LINK: a veth's other end, or the parent of a stacked link, by its index over there. */
  readonly peer?: number;
  /** IFLA_LINK_NETNSID: in which namespace that is; absent where it is this one. */
  readonly peerNetnsId?: number;
  readonly alias?: string;
}

/** What went through a link since it was made, as its namespace counts: `rx` came in there. */
export interface LinkCounters {
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
}

export interface LinkTraffic extends LinkCounters {
  readonly name: string;
}

export interface LinkAddress {
  readonly ifindex: number;
  readonly address: Prefix;
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** IFA_BROADCAST, where one is set. */
  readonly broadcast?: Address;
}

export interface Route {
  /** Of the table that it stands in; told by the kernel always. */
  readonly family?: Family;
  readonly to: Prefix | "default";
  readonly via?: Address;
  readonly ifindex?: number;
  readonly table: number;
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 7 prohibit … */
  readonly type: number;
}

/** An entry of the ARP or neighbour-discovery table. */
export interface Neighbour {
  readonly ifindex: number;
  readonly address: Address;
  /** Absent while it is being asked for, or where nobody answered. */
  readonly mac?: Mac;
  /** NUD_* bits: 0x01 incomplete, 0x02 reachable, 0x04 stale, 0x08 delay, 0x10 probe, 0x20 failed, 0x40 noarp, 0x80 permanent. */
  readonly state: number;
}

/** Which tracked connections are meant: those of which all that is given holds. */
export interface ConnectionFilter {
  readonly family: Family;
  /** 6 tcp, 17 udp, 132 sctp. */
  readonly protocol?: number;
  /** As the first packet was sent. */
  readonly originalDestination?: Address;
  readonly originalPort?: number;
  /** Who answers: where the first packet was led. */
  readonly replySource?: Address;
  readonly replyPort?: number;
}

export interface Kernel {
  /**
   * Carry out a plan whole, or not at all: the first step that fails has those before it undone, in reverse.
   * @returns a fact for each step, in order
   * @throws KernelError that names the step; AggregateError where undoing failed as well
   */
  apply(plan: Plan): Promise<readonly Fact[]>;
  /**
   * Carry out a plan of removals, past failures; what is gone already is no failure.
   * @throws AggregateError of all that failed
   */
  dismantle(plan: Plan): Promise<void>;
  /**
   * Delete links by name and resolve once they are gone. Deletions asked for at the same time share the
   * kernel's grace period, and nothing else waits behind them. A link that is gone already is no failure.
   */
  deleteLinks(names: readonly string[]): Promise<void>;
  links(netns?: NetnsPath): Promise<readonly Link[]>;
  traffic(netns?: NetnsPath): Promise<readonly LinkTraffic[]>;
  addresses(netns?: NetnsPath): Promise<readonly LinkAddress[]>;
  routes(netns?: NetnsPath): Promise<readonly Route[]>;
  neighbours(netns?: NetnsPath): Promise<readonly Neighbour[]>;
  /**
   * Run nft commands (one transaction) in the engine's namespace.
   * @param output "json": as libnftables-json(5) has it, without the elements of named sets
   * @returns what nft prints
   * @throws with nft's own message
   */
  nft(commands: string, output?: "text" | "json"): Promise<string>;
  /**
   * Forget tracked connections of which any of the filters holds. Where there are any, the look through the table takes
   * 10 ms: nothing else waits behind it, and what is asked for at the same time shares it.
   * @returns how many
   */
  forgetConnections(filters: readonly ConnectionFilter[]): Promise<number>;
  readSysctl(key: string, netns?: NetnsPath): Promise<string>;
  /** Stop the thread, once what was asked for is done. */
  close(): Promise<void>;
}
