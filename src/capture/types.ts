/** Live capture: which links are listened to, until when, and what comes of each packet. */
import type { Mac, Prefix } from "../lib/ip.ts";
import type { PacketType } from "../linux/packet-socket.ts";
import type { LinkRef, NamespaceId } from "../observe/types.ts";

/** A link that is listened to, and how it is called in what is written. */
export interface Tapped {
  readonly link: LinkRef;
  /** `eth0`. */
  readonly name: string;
  readonly namespace: NamespaceId;
  /** What people call the namespace: `web`, `host`. */
  readonly place: string;
  /** Whose it is, or whom it leads to: the container at this end of the pair, or at the other. */
  readonly container?: string;
  /** To enter the namespace by. */
  readonly path: string;
  /** ARPHRD_*, linux/if_arp.h. */
  readonly hardware: number;
  readonly mac?: Mac;
  readonly addresses: readonly Prefix[];
  /** `web: eth0, 172.17.0.2/16, peer of veth1a2b in host`. */
  readonly comment: string;
  /** Frames of one way alone, so that each is kept once where several links see it; of both where absent. */
  readonly only?: "in" | "out";
}

/** A packet as a link carried it. */
export interface Captured {
  readonly tapped: Tapped;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly way: "in" | "out";
  readonly type: PacketType;
  /** As many as were kept. Good until what they are handed to returns. */
  readonly bytes: Uint8Array;
  /** As many as there were. */
  readonly length: number;
  /** Its checksum was to be put in later, by hardware or by nobody. */
  readonly checksumPending: boolean;
}

/** What a capture is held to: it ends with the first that is met. None binds that is absent. */
export interface CaptureLimits {
  readonly count?: number;
  /** Milliseconds. */
  readonly time?: number;
  /** Bytes of the file. */
  readonly size?: number;
  /** Bytes kept of each packet; 262,144 by default. */
  readonly snapLength?: number;
}

/** A filter of classic BPF: `struct sock_filter`, eight bytes an instruction. */
export type FilterProgram = Uint8Array;

/** What one link gave. */
export interface LinkCount {
  readonly tapped: Tapped;
  /** That passed the filter, as PACKET_STATISTICS counts them; those that were lost with them. */
  readonly packets: number;
  readonly dropped: number;
}

/** What a capture took, told at its end. */
export interface CaptureSummary {
  readonly packets: number;
  /** Lost for want of room, as PACKET_STATISTICS counts them; and what a reader who stood still left in the kernel. */
  readonly dropped: number;
  readonly bytes: number;
  /** By a limit; `closed` by its reader, `asked` by its owner, `gone` with the last of its links. */
  readonly ended: "count" | "time" | "size" | "closed" | "asked" | "gone";
}
