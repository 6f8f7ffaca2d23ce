/** Live capture: which links are listened to, until when, and what comes of each packet. */
import type { LinkRef, NamespaceId } from "../observe/types.ts";

/** A link that is listened to, and how it is called in what is written. */
export interface Tapped {
  readonly link: LinkRef;
  /** `eth0`. */
  readonly name: string;
  readonly namespace: NamespaceId;
  /** `web: eth0, 172.17.0.2/16, peer of veth1a2b in host`. */
  readonly comment: string;
}

export interface Captured {
  readonly tapped: Tapped;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly way: "in" | "out";
  /** As many as were kept. */
  readonly bytes: Uint8Array;
  /** As many as there were. */
  readonly length: number;
}

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

export interface CaptureSummary {
  readonly packets: number;
  /** Lost for want of room, as PACKET_STATISTICS counts them. */
  readonly dropped: number;
  readonly bytes: number;
  readonly ended: "count" | "time" | "size" | "closed";
}
