/**
 * Tracked connections, linux/netfilter/nfnetlink_conntrack.h. A connection is two tuples: of packets as the
 * first was sent, and of answers to it. NAT is what they differ in. Attributes of attributes:
 * ```
 * CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
 *   CTA_TUPLE_IP     CTA_IP_V4_SRC … CTA_IP_V6_DST
 *   CTA_TUPLE_PROTO  CTA_PROTO_NUM, and of protocols with ports CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT (big-endian)
 * ```
 */
import { type Address, addressBytes } from "../../lib/ip.ts";
import { viewOf, type Writer } from "../bytes.ts";
import type { ConnectionFilter } from "../kernel.ts";
import { attributesOf, put, putBytes, putNested, putU32 } from "../netlink/attribute.ts";
import { NFGENMSG_SIZE, putNetfilter } from "../netlink/netfilter.ts";
import type { Request } from "../netlink/socket.ts";
import { afOf, familyOf, readAddress } from "../rtnetlink/family.ts";
import {
  CTA_IP,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
} from "./attributes.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const IPCTNL_MSG_CT_GET_STATS = (NFNL_SUBSYS_CTNETLINK << 8) | 5;

const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_STATS_GLOBAL_ENTRIES = 1;

/** What is looked at of each tuple, and the flag that says so: net/netfilter/nf_internals.h, CTA_FILTER_F_*. */
const FIRST_SENT_TO = {
  tuple: CTA_TUPLE_ORIG,
  address4: CTA_IP[4].destination,
  addressFlag: 1 << 1,
  port: CTA_PROTO_DST_PORT,
  portFlag: 1 << 5,
} as const;
const ANSWERED_BY = {
  tuple: CTA_TUPLE_REPLY,
  address4: CTA_IP[4].source,
  addressFlag: 1 << 0,
  port: CTA_PROTO_SRC_PORT,
  portFlag: 1 << 4,
} as const;
const CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3;

/** What a filter can ask of it, as far as it has it; and by what it is told from all others. */
export interface Connection extends ConnectionFilter {
  /** Attributes that name it, by type, as the kernel told them. */
  readonly identity: ReadonlyMap<number, Uint8Array>;
}

/** The connection that a message tells of, or undefined where it is of another family or broken. */
export function readConnection(payload: Uint8Array): Connection | undefined {
  const family = familyOf(payload[0]);
  if (!family) return undefined;
  const attributes = attributesOf(payload.subarray(NFGENMSG_SIZE));
  const original = attributes.get(CTA_TUPLE_ORIG);
  if (!original) return undefined;
  const first = attributesOf(original);
  const answer = attributesOf(attributes.get(CTA_TUPLE_REPLY));
  const ports = attributesOf(first.get(CTA_TUPLE_PROTO));
  const protocol = ports.get(CTA_PROTO_NUM)?.[0];
  const originalPort = readPort(ports.get(CTA_PROTO_DST_PORT));
  const replyPort = readPort(attributesOf(answer.get(CTA_TUPLE_PROTO)).get(CTA_PROTO_SRC_PORT));
  const { source, destination } = CTA_IP[family];
  const originalDestination = readAddress(family, attributesOf(first.get(CTA_TUPLE_IP)).get(destination));
  const replySource = readAddress(family, attributesOf(answer.get(CTA_TUPLE_IP)).get(source));
  const identity = [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE].flatMap((type) => {
    const value = attributes.get(type);
    return value ? [[type, value.slice()] as const] : [];
  });
  return {
    family,
    identity: new Map(identity),
    ...(protocol !== undefined && { protocol }),
    ...(originalDestination && { originalDestination }),
    ...(originalPort !== undefined && { originalPort }),
    ...(replySource && { replySource }),
    ...(replyPort !== undefined && { replyPort }),
  };
}

const readPort = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 2 ? viewOf(bytes).getUint16(0) : undefined;

/**
 * Ask for connections: for `NetlinkSocket.dump`. From Linux 5.8 on the kernel leaves out those that the filter isn't
 * about, as far as it can look: at ports only with a protocol, and at IPv6 addresses not at all, since it takes
 * those that differ for the same (seen on 6.18). So more may come than was asked for.
 */
export const askConnections = (what: string, filter: ConnectionFilter): Request => ({
  what,
  type: IPCTNL_MSG_CT_GET,
  body: (to) => {
    putNetfilter(to, afOf(filter.family));
    const { protocol, originalDestination, originalPort, replySource, replyPort } = filter;
    const original = putTuple(to, FIRST_SENT_TO, protocol, originalDestination, originalPort);
    const reply = putTuple(to, ANSWERED_BY, protocol, replySource, replyPort);
    if (!original && !reply) return;
    putNested(to, CTA_FILTER, () => {
      putU32(to, CTA_FILTER_ORIG_FLAGS, original);
      putU32(to, CTA_FILTER_REPLY_FLAGS, reply);
    });
  },
});

/** @returns which parts of the tuple are to be looked at */
function putTuple(
  to: Writer,
  part: typeof FIRST_SENT_TO | typeof ANSWERED_BY,
  protocol: number | undefined,
  address: Address | undefined,
  port: number | undefined,
): number {
  const visible = address?.family === 4 ? address : undefined;
  if (!visible && protocol === undefined) return 0;
  let flags = 0;
  putNested(to, part.tuple, () => {
    if (visible) {
      flags |= part.addressFlag;
      putNested(to, CTA_TUPLE_IP, () => putBytes(to, part.address4, addressBytes(visible)));
    }
    if (protocol === undefined) return;
    flags |= CTA_FILTER_F_CTA_PROTO_NUM;
    putNested(to, CTA_TUPLE_PROTO, () => {
      put(to, CTA_PROTO_NUM, () => to.u8(protocol));
      if (port === undefined) return;
      flags |= part.portFlag;
      put(to, part.port, () => to.be16(port));
    });
  });
  return flags;
}

/** Delete one connection; ENOENT where it isn't there any more, even if another of its tuple is. */
export const deleteConnection = (what: string, { family, identity }: Connection): Request => ({
  what,
  type: IPCTNL_MSG_CT_DELETE,
  body: (to) => {
    putNetfilter(to, afOf(family));
    for (const [type, value] of identity) {
      if (type === CTA_TUPLE_ORIG) putNested(to, type, () => to.bytes(value));
      else putBytes(to, type, value);
    }
  },
});

/** Ask how many connections are tracked, of whatever family. */
export const countConnections = (what: string, hear: (count: number) => void): Request => ({
  what,
  type: IPCTNL_MSG_CT_GET_STATS,
  body: (to) => putNetfilter(to, 0),
  answer: ({ payload }) => {
    const count = attributesOf(payload.subarray(NFGENMSG_SIZE)).get(CTA_STATS_GLOBAL_ENTRIES);
    if (count?.length === 4) hear(viewOf(count).getUint32(0));
  },
});
