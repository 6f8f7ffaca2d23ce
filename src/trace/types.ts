/**
 * A packet's way: what is asked (`Flow`), what the topology says will happen (`Prediction`), what was seen to happen
 * (`Proof`), and both side by side (`Report`).
 */
import type { Address, Family, Mac } from "../lib/ip.ts";
import type { NftFamily } from "../linux/nftables/program.ts";
import type { LinkRef, NamespaceId } from "../observe/types.ts";

/** What is sent: of ICMP, echo requests. */
export type Protocol = "icmp" | "tcp" | "udp";

/** An end of a way, as it was asked for. */
export interface End {
  /** `web`, `host`, `outside`, `10.0.0.7`, `example.com`: for people. */
  readonly label: string;
  /** Where it lives, if here. The namespace that a probe starts from, or that an address belongs to. */
  readonly namespace?: NamespaceId;
}

/** What is to be sent, from where. */
export interface Flow {
  readonly from: End;
  readonly to: End;
  readonly destination: Address;
  /** Chosen by the route where absent, as connect(2) does. */
  readonly source?: Address;
  readonly protocol: Protocol;
  /** Of TCP and UDP. */
  readonly port?: number;
  /** Chosen by the prober where absent; a prediction takes one that no rule names. */
  readonly sourcePort?: number;
  /**
   * A flow from outside that comes in by a link of the host, sent by somebody who is not here. Absent where the sender's
   * namespace is here.
   */
  readonly enters?: LinkRef & { readonly mac?: Mac };
  /** Of a UDP flow to a name server: ask for this name. */
  readonly query?: string;
  /** Bytes of IP packet to be sent, for path MTU; with `dontFragment`. By default as small as it can be. */
  readonly size?: number;
  readonly dontFragment?: boolean;
}

/** A rule that stands in a rule set; enough to find it again and to show it. */
export type RuleRef =
  | {
      readonly in: "nft";
      readonly namespace: NamespaceId;
      readonly family: NftFamily;
      readonly table: string;
      readonly chain: string;
      /** Absent where the chain's policy decided. */
      readonly handle?: number;
      /** As nft(8) or iptables(8) writes it; filled in by `describe`, since the kernel does not keep it. */
      readonly text?: string;
    }
  | {
      readonly in: "xtables";
      readonly namespace: NamespaceId;
      readonly family: Family;
      readonly table: string;
      readonly chain: string;
      /** From 1; absent where the chain's policy decided. */
      readonly number?: number;
      readonly text?: string;
    };

/** The packet at one point of its way, for people and for comparison. Immutable. */
export interface Sight {
  readonly family: Family;
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly sourceMac?: Mac;
  readonly destinationMac?: Mac;
  readonly ttl: number;
  readonly mark: number;
}

/** What happens to the packet at a hop: one line of the table. */
export type Event =
  /** It leaves by a link, or comes in by one: what a tap on that link sees. */
  | { readonly kind: "out" | "in"; readonly link: LinkRef; readonly name: string }
  /** The routing decision. `text` as `ip route` writes it. */
  | { readonly kind: "route"; readonly table: number; readonly text: string; readonly rule?: string }
  /** Who has the address: the next hop's MAC, from the table, or by asking. */
  | {
      readonly kind: "neighbour";
      readonly address: Address;
      readonly mac?: Mac;
      readonly how: "known" | "asked" | "unanswered";
    }
  /** A bridge's decision: one port, all of them, or up to the bridge itself. */
  | {
      readonly kind: "bridge";
      readonly bridge: string;
      readonly to: string;
      readonly how: "entry" | "flood" | "local";
    }
  /** A rule that was met and did something: accepted, dropped, jumped, marked, translated. */
  | {
      readonly kind: "rule";
      readonly hook: string;
      readonly rule: RuleRef;
      readonly does: string;
      /** Whether it is met can't be told, as of one with a limit, and changes nothing: it counts or logs. */
      readonly perhaps?: true;
    }
  | {
      readonly kind: "translate";
      readonly what: "source" | "destination";
      readonly before: Sight;
      readonly after: Sight;
      readonly rule?: RuleRef;
    }
  /** Connection tracking knows it: an answer, or a further packet. */
  | { readonly kind: "connection"; readonly state: "new" | "established" | "related" | "invalid" }
  /** It goes to a socket here, or to the kernel's own answer (echo, RST, port unreachable). */
  | { readonly kind: "local"; readonly to: string }
  | { readonly kind: "drop"; readonly reason: DropReason };

/** Why a packet ends before it arrives. */
export interface DropReason {
  /** For programs: stable words, `docs/trace.md` lists them. */
  readonly code:
    | "rule"
    | "no-route"
    | "unreachable-route"
    | "no-neighbour"
    | "reverse-path"
    | "martian"
    | "not-forwarding"
    | "ttl"
    | "too-big"
    | "link-down"
    | "no-carrier"
    | "port-state"
    | "isolated-port"
    | "wrong-mac"
    | "no-socket"
    | "bound-elsewhere"
    | "closed"
    | "backlog-full"
    | "ipv6-off"
    | "duplicate-address"
    | "no-address"
    | "reply-lost"
    | "kernel";
  /** One sentence. */
  readonly text: string;
  readonly rule?: RuleRef;
  /** SKB_DROP_REASON_* and the kernel's function, where a drop was seen. */
  readonly kernel?: { readonly reason: string; readonly at: string };
}

/** One thing that becomes of a packet, where it does. */
export interface Hop {
  readonly namespace: NamespaceId;
  readonly event: Event;
  /** The packet after it. */
  readonly packet: Sight;
  /** The way there, or the way back of what answers. */
  readonly direction: "there" | "back";
}

/** One way that the packet can take. */
export interface Path {
  readonly hops: readonly Hop[];
  readonly outcome: "reached" | "dropped" | "leaves";
  /** Of what was dropped. */
  readonly reason?: DropReason;
  /** What had to be assumed, a sentence each: a limit not used up, a random number. Empty where the topology decides. */
  readonly assumptions: readonly string[];
}

/** What the kernel will do with a flow, by all that the topology tells. */
export interface Prediction {
  readonly flow: Flow;
  /** One where all is certain; each way that can't be excluded where it isn't. */
  readonly paths: readonly Path[];
  /** `unsure` where paths disagree, or what decides can't be read. */
  readonly outcome: "reached" | "dropped" | "leaves" | "unsure";
  /** What the topology could not tell. */
  readonly unsure: readonly string[];
}

/** Something that was seen of the probe. */
export type Seen = {
  /** Nanoseconds, CLOCK_MONOTONIC where told by the kernel: of one clock for all. */
  readonly at: bigint;
  readonly namespace: NamespaceId;
  readonly direction: "there" | "back";
} & (
  | {
      readonly kind: "tap";
      readonly link: LinkRef;
      readonly name: string;
      readonly way: "out" | "in";
      readonly packet: Sight;
    }
  | { readonly kind: "rule"; readonly hook: string; readonly rule: RuleRef; readonly verdict: string }
  | {
      readonly kind: "drop";
      /** SKB_DROP_REASON_*. */
      readonly reason: string;
      /** The function that freed it, by kallsyms; empty where that can't be read. */
      readonly at_function: string;
      readonly ifindex?: number;
    }
  | { readonly kind: "answer"; readonly what: string }
);

/** What the kernel did with a probe of the flow, as it was watched. */
export interface Proof {
  readonly flow: Flow;
  readonly seen: readonly Seen[];
  /** `delivered`: seen to be taken, by one that need not answer (UDP). */
  readonly outcome: "reached" | "delivered" | "dropped" | "silent" | "leaves";
  readonly reason?: DropReason;
  /** What could not be watched, a sentence each: no BPF, no nftrace, a namespace that can't be entered. */
  readonly blind: readonly string[];
  /** Milliseconds from the first packet to the answer, or to the end of waiting. */
  readonly took: number;
}

/** One line of the table: what was predicted, what was seen, and whether they agree. */
export interface Row {
  readonly predicted?: Hop;
  readonly seen?: Seen;
  readonly agree: "both" | "predicted only" | "seen only" | "not watched";
  /** Microseconds since the line before, by the kernel's time stamps. */
  readonly latency?: number;
}

/** What was foreseen and what was seen, side by side, and what follows from both. */
export interface Report {
  readonly prediction: Prediction;
  readonly proof?: Proof;
  readonly rows: readonly Row[];
  readonly verdict: Verdict;
}

/** The answer to who asks whether it works. */
export interface Verdict {
  /** Exit code 0, 1, 2. */
  readonly outcome: "reached" | "not reached" | "unsure";
  /** One sentence: where, at what, why. */
  readonly sentence: string;
  /** What would change it: commands to paste, each with what it does. */
  readonly fixes: readonly { readonly command: string; readonly does: string }[];
}

/** How a proof is made. */
export interface ProofOptions {
  /** Milliseconds to wait for an answer, or for what tells of its loss. 1,000 by default. */
  readonly wait?: number;
}
