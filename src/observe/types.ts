/**
 * The topology: what the kernel says is there, whoever made it, as one value. It is read, never remembered, and what is
 * computed of it (`trace/`, `doctor/`) is a pure function of it.
 */
import type { Address, Family, Mac, Prefix } from "../lib/ip.ts";
import type { NftRuleset } from "../linux/nftables/program.ts";
import type { XtTable } from "../linux/xtables/types.ts";
import type { Engine, EngineContainer, EngineNetwork } from "./engines/types.ts";

/** A network namespace: the inode of its file in nsfs, as `ls -l /proc/PID/ns/net` shows it. Good while it lives. */
export type NamespaceId = number & { readonly __brand: "NamespaceId" };

/** A link, wherever it is. */
export interface LinkRef {
  readonly namespace: NamespaceId;
  readonly ifindex: number;
}

/** IFLA_AF_SPEC's counters of settings: `/proc/sys/net/ipv4/conf/LINK/…` and `ipv6`, by name; those that matter to a packet. */
export interface LinkSettings {
  readonly forwarding4: boolean;
  /** 0 off, 1 strict, 2 loose; the larger of this and `all`'s is in force. */
  readonly reversePathFilter: number;
  readonly routeLocalnet: boolean;
  readonly proxyArp: boolean;
  readonly arpIgnore: number;
  readonly arpAnnounce: number;
  readonly acceptLocal: boolean;
  readonly sourceValidMark: boolean;
  readonly sendRedirects: boolean;
  readonly forwarding6: boolean;
  readonly disableIpv6: boolean;
  readonly acceptRa: number;
  readonly proxyNdp: boolean;
}

export interface BridgeSettings {
  /** IFLA_BR_NF_CALL_IPTABLES and its like: of this bridge alone, beside the namespace's `bridge-nf-call-*`. */
  readonly callIptables: boolean;
  readonly callIp6tables: boolean;
  readonly vlanFiltering: boolean;
  readonly stp: boolean;
  /** Centiseconds, as the kernel has it. */
  readonly ageing: number;
  readonly multicastSnooping: boolean;
}

export interface PortSettings {
  /** BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking. */
  readonly state: number;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  readonly neighSuppress: boolean;
}

export interface ObservedLink {
  readonly ifindex: number;
  readonly name: string;
  /** IFLA_INFO_KIND: `veth`, `bridge`, `macvlan`, `tun` …; absent for hardware and loopback. */
  readonly kind?: string;
  /** ARPHRD_*, linux/if_arp.h: 1 Ethernet, 772 loopback, 65534 none. */
  readonly hardware: number;
  readonly mac?: Mac;
  readonly mtu: number;
  /** IFF_UP. */
  readonly up: boolean;
  /** IFF_LOWER_UP: the other end, or the cable, is there and up. */
  readonly carrier: boolean;
  /** IF_OPER_*, RFC 2863: 2 down, 3 not present, 4 lower layer down, 5 testing, 6 up; 0 unknown, as of loopback. */
  readonly operState: number;
  readonly loopback: boolean;
  readonly promiscuous: boolean;
  readonly noArp: boolean;
  /** The ifindex of the bridge, bond or VRF that it is a port of. */
  readonly master?: number;
  readonly alias?: string;
  /**
   * A veth's other end, or the link that a stacked one stands upon, by its index over there; `namespace` is absent where that
   * is a namespace that can't be found from here.
   */
  readonly other?: { readonly ifindex: number; readonly namespace?: NamespaceId };
  readonly settings?: LinkSettings;
  readonly bridge?: BridgeSettings;
  readonly port?: PortSettings;
  /** Of a macvlan: `private`, `vepa`, `bridge`, `passthru`. */
  readonly macvlanMode?: string;
  readonly vlanId?: number;
  /** Of a VRF: the table that its routes are in. */
  readonly vrfTable?: number;
  readonly vxlan?: { readonly id: number; readonly port: number };
  readonly counters: {
    readonly rxBytes: bigint;
    readonly rxPackets: bigint;
    readonly rxErrors: bigint;
    readonly rxDropped: bigint;
    readonly txBytes: bigint;
    readonly txPackets: bigint;
    readonly txErrors: bigint;
    readonly txDropped: bigint;
  };
  /** IFLA_XDP: a program looks at each packet before everything that is told here. */
  readonly xdp: boolean;
  /** A queueing discipline other than those that only queue, and filters of tc at either side: prediction ends there. */
  readonly qdisc?: string;
}

export interface ObservedAddress {
  readonly ifindex: number;
  readonly address: Prefix;
  /** IFA_ADDRESS of a link between two: whom it leads to. */
  readonly peer?: Address;
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number;
  readonly broadcast?: Address;
  /** IFA_F_TENTATIVE, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_SECONDARY. */
  readonly tentative: boolean;
  readonly duplicate: boolean;
  readonly deprecated: boolean;
  readonly secondary: boolean;
}

export interface NextHop {
  readonly via?: Address;
  readonly ifindex?: number;
  /** RTNH_F_*: 1 dead, 4 onlink, 16 linkdown. */
  readonly flags: number;
  readonly weight: number;
}

export interface ObservedRoute {
  readonly family: Family;
  readonly to: Prefix;
  readonly from?: Prefix;
  readonly tos: number;
  readonly table: number;
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 5 multicast, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw. */
  readonly type: number;
  readonly scope: number;
  /** RTPROT_*: 2 kernel, 3 boot, 4 static, 9 ra, 16 dhcp. */
  readonly protocol: number;
  readonly metric: number;
  readonly preferredSource?: Address;
  readonly mtu?: number;
  /** One, or more where it is a multipath route. None for those that lead nowhere. */
  readonly hops: readonly NextHop[];
}

/** A rule of the routing policy database, ip-rule(8). */
export interface PolicyRule {
  readonly family: Family;
  readonly priority: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly tos?: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly in?: string;
  readonly out?: string;
  readonly protocol?: number;
  readonly sourcePorts?: readonly [number, number];
  readonly destinationPorts?: readonly [number, number];
  readonly uids?: readonly [number, number];
  /** FIB_RULE_INVERT. */
  readonly not: boolean;
  /** The routes of link devices alone: l3mdev. */
  readonly vrf: boolean;
  readonly suppressPrefixLength?: number;
  readonly action:
    | { readonly do: "table"; readonly table: number }
    | { readonly do: "goto"; readonly priority: number }
    | { readonly do: "blackhole" | "unreachable" | "prohibit" | "nop" };
}

export interface ObservedNeighbour {
  readonly ifindex: number;
  readonly address: Address;
  readonly mac?: Mac;
  /** NUD_*, as `linux/kernel.ts` lists them. */
  readonly state: number;
  /** NTF_PROXY: answered for somebody else. */
  readonly proxy: boolean;
}

/** An entry of a bridge's table. */
export interface ForwardingEntry {
  readonly mac: Mac;
  /** The port it leads to, or the bridge itself where `local`. */
  readonly ifindex: number;
  readonly bridge: number;
  /** The bridge's or a port's own address: frames to it go up. */
  readonly local: boolean;
  readonly permanent: boolean;
  readonly vlan?: number;
}

/** A socket that takes what nobody expects: a TCP one that listens, a UDP one that is bound and connected to nobody. */
export interface ListeningSocket {
  readonly protocol: "tcp" | "udp";
  readonly family: Family;
  /** Undefined where it is bound to none: it takes whatever comes to the namespace. */
  readonly address?: Address;
  readonly port: number;
  /** An IPv6 one that takes IPv4 as well. */
  readonly dual: boolean;
  readonly ifindex?: number;
  readonly uid: number;
  readonly inode: number;
  /** Of TCP: how many wait to be accepted, and how many may. */
  readonly queue?: { readonly waiting: number; readonly room: number };
}

/** A tracked connection, conntrack(8). */
export interface ObservedConnection {
  readonly family: Family;
  readonly protocol: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** IPS_*, linux/netfilter/nf_conntrack_common.h: 2 seen reply, 4 assured, 8 confirmed, 16 source translated, 32 destination translated. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** Seconds. */
  readonly timeout: number;
  /** TCP_CONNTRACK_*, linux/netfilter/nf_conntrack_tcp.h: 1 syn sent, 3 established. */
  readonly tcpState?: number;
}

export interface Tuple {
  readonly source: Address;
  readonly destination: Address;
  /** Ports; of ICMP, `sourcePort` is the identifier and `destinationPort` type × 256 + code. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/**
 * What is asked of `/proc/sys/net` of a namespace, by the key that sysctl(8) takes (`net.ipv4.ip_forward`). A key that this
 * kernel has not is absent.
 */
export type Sysctls = ReadonlyMap<string, string>;

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

export type { Engine, EngineContainer, EngineNetwork };
