/**
 * Sockets that take what nobody expects, sock_diag(7), linux/inet_diag.h:
 * ```c
 * struct inet_diag_sockid {
 *   __be16 idiag_sport, idiag_dport;
 *   __be32 idiag_src[4], idiag_dst[4];  // of IPv4 the first alone
 *   __u32 idiag_if;
 *   __u32 idiag_cookie[2];
 * };
 * struct inet_diag_req_v2 {
 *   __u8 sdiag_family, sdiag_protocol, idiag_ext, pad;
 *   __u32 idiag_states;                 // one bit a state
 *   struct inet_diag_sockid id;
 * };
 * struct inet_diag_msg {
 *   __u8 idiag_family, idiag_state, idiag_timer, idiag_retrans;
 *   struct inet_diag_sockid id;
 *   __u32 idiag_expires, idiag_rqueue, idiag_wqueue, idiag_uid, idiag_inode;
 * };
 * ```
 */
import type { Address, Family } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { addressAt, Fields } from "../netlink/fields.ts";
import type { Request } from "../netlink/socket.ts";
import { afOf, familyOf } from "../rtnetlink/family.ts";

export const NETLINK_SOCK_DIAG = 4;

const SOCK_DIAG_BY_FAMILY = 20;
const SOCKID_SIZE = 48;
const MSG_SIZE = 4 + SOCKID_SIZE + 20;
/** Places in struct inet_diag_msg. */
const [SPORT, SRC, IF] = [4, 8, 40] as const;
const [RQUEUE, WQUEUE, UID, INODE] = [56, 60, 64, 68] as const;

const INET_DIAG_SKV6ONLY = 11;

const PROTOCOLS = { tcp: 6, udp: 17 } as const;
/** TCP_LISTEN; of UDP, TCP_CLOSE is one that is connected to nobody. */
const STATES = { tcp: 1 << 10, udp: 1 << 7 } as const;

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

const fields = new Fields();

/** The socket that a message tells of, or undefined where it has no port, is of another family, or broken. */
export function readListening(payload: Uint8Array, protocol: "tcp" | "udp"): ListeningSocket | undefined {
  const family = familyOf(payload[0]);
  if (payload.length < MSG_SIZE || !family) return undefined;
  const view = viewOf(payload);
  const port = view.getUint16(SPORT);
  if (port === 0) return undefined;
  const address = addressAt(view, SRC, family);
  const ifindex = view.getUint32(IF, LITTLE_ENDIAN);
  const unbound = address.bits === 0n;
  const six = family === 6 ? fields.of(payload, MSG_SIZE).u8(INET_DIAG_SKV6ONLY) : undefined;
  const number = (at: number) => view.getUint32(at, LITTLE_ENDIAN);
  return {
    protocol,
    family,
    ...(!unbound && { address }),
    port,
    dual: unbound && six === 0,
    ...(ifindex !== 0 && { ifindex }),
    uid: number(UID),
    inode: number(INODE),
    ...(protocol === "tcp" && { queue: { waiting: number(RQUEUE), room: number(WQUEUE) } }),
  };
}

/** Ask for those of a protocol and a family: for `NetlinkSocket.dump`. */
export const askListening = (what: string, protocol: "tcp" | "udp", family: Family): Request => ({
  what,
  type: SOCK_DIAG_BY_FAMILY,
  body: (to) => {
    to.u8(afOf(family)).u8(PROTOCOLS[protocol]).u8(0).u8(0).u32(STATES[protocol]);
    to.zeros(SOCKID_SIZE);
  },
});
