/** A packet on its way, struct sk_buff: the packet, and what a namespace notes beside it. Immutable. */
import type { LinkRef } from "../../observe/types.ts";
import type { Packet } from "../packet/types.ts";

/** linux/if_packet.h: whose a frame is, as the link that took it says. */
export const PACKET = { host: 0, broadcast: 1, multicast: 2, otherHost: 3 } as const;

/**
 * What it is to whoever asked for the way: what was sent, what answers it, what tells the sender that it can't be, and what
 * the kernel asks neighbours meanwhile.
 */
export type Bears = "question" | "answer" | "error" | "discovery";

/** skb->_nfct: which connection it belongs to, and how. */
export type Tracked =
  | { readonly state: "untracked" | "invalid" }
  | {
      readonly state: "new" | "established" | "related";
      /** Of `Memory`'s connections of this namespace. */
      readonly connection: number;
      readonly direction: "original" | "reply";
    };

/** struct nf_bridge_info: a bridged packet that IP's hooks were shown. */
export interface Bridged {
  readonly in: number;
  readonly out?: number;
}

export interface Skb {
  readonly packet: Packet;
  readonly bears: Bears;
  readonly packetType: number;
  readonly tracked?: Tracked;
  readonly bridged?: Bridged;
  /** It came round by loopback: its route is known, and not looked up again. */
  readonly routed?: boolean;
  /** Bytes of the largest fragment, where it was cut into some. */
  readonly fragment?: number;
  /** Of an 802.1Q tag that the link below carries it with. */
  readonly vlan?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Of discovery: by which link was asked. */
  readonly asker?: LinkRef;
}

/** skb_scrub_packet: what a packet loses on its way to another namespace; connection tracking on any way by a veth. */
export function scrubbed(skb: Skb, otherNamespace: boolean): Skb {
  const { packet, bears, fragment, vlan, asker } = skb;
  return {
    packet: otherNamespace ? { ...packet, mark: 0, priority: 0 } : { ...packet, priority: 0 },
    bears,
    packetType: PACKET.host,
    ...(fragment !== undefined && { fragment }),
    ...(vlan !== undefined && { vlan }),
    ...(asker && { asker }),
  };
}
