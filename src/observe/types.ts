/**
 * The topology: what the kernel says is there, whoever made it, as one value. It is read, never remembered, and what is
 * computed of it (`trace/`, `doctor/`) is a pure function of it.
 */
import type { ObservedConnection, Tuple } from "../linux/conntrack/dump.ts";
import type { NftRuleset } from "../linux/nftables/program.ts";
import type { ObservedAddress } from "../linux/rtnetlink/dump/address.ts";
import type { ToldLink } from "../linux/rtnetlink/dump/link.ts";
import type { BridgeSettings, PortSettings } from "../linux/rtnetlink/dump/link-kind.ts";
import type { LinkSettings } from "../linux/rtnetlink/dump/link-settings.ts";
import type { ForwardingEntry, ObservedNeighbour } from "../linux/rtnetlink/dump/neighbour.ts";
import type { NextHop, ObservedRoute } from "../linux/rtnetlink/dump/route.ts";
import type { PolicyRule } from "../linux/rtnetlink/dump/rule.ts";
import type { ListeningSocket } from "../linux/sock-diag/listening.ts";
import type { XtTable } from "../linux/xtables/types.ts";
import type { Engine, EngineContainer, EngineNetwork } from "./engines/types.ts";

/** A network namespace: the inode of its file in nsfs, as `ls -l /proc/PID/ns/net` shows it. Good while it lives. */
export type NamespaceId = number & { readonly __brand: "NamespaceId" };

/** A link, wherever it is. */
export interface LinkRef {
  readonly namespace: NamespaceId;
  readonly ifindex: number;
}

/** A link: what its namespace tells of it, and where its other end was found. */
export interface ObservedLink extends Omit<ToldLink, "peer"> {
  /**
   * A veth's other end, or the link that a stacked one stands upon, by its index over there; `namespace` is absent where that
   * is a namespace that can't be found from here.
   */
  readonly other?: { readonly ifindex: number; readonly namespace?: NamespaceId };
  /** A queueing discipline other than those that only queue, and filters of tc at either side: prediction ends there. */
  readonly qdisc?: string;
}

/**
 * What is asked of `/proc/sys/net` of a namespace, by the key that sysctl(8) takes (`net.ipv4.ip_forward`). A key that this
 * kernel has not is absent.
 */
export type Sysctls = ReadonlyMap<string, string>;

/** A network namespace with all that decides over its packets, as the kernel told it. */
export interface Namespace {
  readonly id: NamespaceId;
  /** What people call it: `host`, a container's name, the name of the pinned file, or `sleep (pid 12)`. Unique in a topology. */
  readonly name: string;
  /** Where the topology was read from: the namespace of the reader. */
  readonly host: boolean;
  /** Processes in it, the lowest first; at most a few of many. */
  readonly pids: readonly number[];
  /** Files that pin it, as this mount namespace sees them. */
  readonly pins: readonly string[];
  /** A path to enter it by: `/proc/PID/ns/net`, or a pin. */
  readonly path: string;
  readonly container?: EngineContainer;
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly ObservedAddress[];
  readonly routes: readonly ObservedRoute[];
  readonly rules: readonly PolicyRule[];
  readonly neighbours: readonly ObservedNeighbour[];
  readonly forwarding: readonly ForwardingEntry[];
  readonly sockets: readonly ListeningSocket[];
  readonly sysctls: Sysctls;
  readonly nft: NftRuleset;
  readonly xtables: readonly XtTable[];
  /** How many connections are tracked; and the connections, where they were asked for. */
  readonly connectionCount?: number;
  readonly connections?: readonly ObservedConnection[];
  /** What could not be read of it, a sentence each. Empty where all is told. */
  readonly unread: readonly string[];
}

/** All network namespaces of a machine at one time, and what its engines say of them. Plain data; nothing in it changes. */
export interface Topology {
  /** Milliseconds since the epoch. */
  readonly readAt: number;
  readonly namespaces: ReadonlyMap<NamespaceId, Namespace>;
  /** The reader's own. */
  readonly host: NamespaceId;
  readonly engines: readonly Engine[];
  /** What could not be read at all: namespaces, engines that don't answer. A sentence each. */
  readonly unread: readonly string[];
}

/** What a reader is asked for, beside what it always reads. */
export interface ReadOptions {
  /** Sockets of engines to ask for names. By default those that are there, of Drawbridge, Docker and Podman. */
  readonly engines?: readonly EngineSocket[];
  /** Tracked connections of these namespaces: thousands, maybe. None by default. */
  readonly connections?: "none" | "host" | "all";
  /** Directories with pinned namespaces beyond the mounts of this one. */
  readonly pinned?: readonly string[];
}

/** Where an engine is asked. */
export interface EngineSocket {
  readonly kind: Engine["kind"];
  /** Of its API. */
  readonly path: string;
}

/** A topology that keeps itself fresh. */
export interface TopologyWatch {
  /** As it is now; the same object as long as nothing changed. */
  readonly current: Topology;
  close(): Promise<void>;
}

/** What the kernel tells as it stands is described where it is read. */
export type {
  BridgeSettings,
  Engine,
  EngineContainer,
  EngineNetwork,
  ForwardingEntry,
  LinkSettings,
  ListeningSocket,
  NextHop,
  ObservedAddress,
  ObservedConnection,
  ObservedNeighbour,
  ObservedRoute,
  PolicyRule,
  PortSettings,
  Tuple,
};
