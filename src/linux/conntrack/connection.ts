/**
 * Tracked connections, linux/netfilter/nfnetlink_conntrack.h. A connection is two tuples: of packets as the
 * first was sent, and of answers to it. NAT is what they differ in. Attributes of attributes:
 * ```
 * CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
 *   CTA_TUPLE_IP     CTA_IP_V4_SRC … CTA_IP_V6_DST
 *   CTA_TUPLE_PROTO  CTA_PROTO_NUM, and of protocols with ports CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT (big-endian)
 * ```
 */
import { addressBytes } from "../../lib/ip.ts";
import { viewOf, type Writer } from "../bytes.ts";
import type { ConnectionFilter } from "../kernel.ts";
import { attributesOf, put, putBytes, putNested, putU32 } from "../netlink/attribute.ts";
import { NFGENMSG_SIZE, putNetfilter } from "../netlink/netfilter.ts";
import type { Request } from "../netlink/socket.ts";
import { afOf, familyOf, readAddress } from "../rtnetlink/family.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const IPCTNL_MSG_CT_GET_STATS = (NFNL_SUBSYS_CTNETLINK << 8) | 5;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_STATS_GLOBAL_ENTRIES = 1;

/** Which parts of a tuple a filter looks at: net/netfilter/nf_internals.h, CTA_FILTER_F_*. */
const FILTER = { source: 1, destination: 2, protocol: 8, sourcePort: 16, destinationPort: 32 } as const;

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
 * Ask for connections: for `NetlinkSocket.dump`. The kernel leaves out those that the filter isn't about, from
 * Linux 5.8 on, as far as it can look at them: at ports only with a protocol.
 */
export const askConnections = (what: string, filter: ConnectionFilter): Request => ({
  what,
  type: IPCTNL_MSG_CT_GET,
  body: (to) => {
    putNetfilter(to, afOf(filter.family));
    putFilter(to, filter);
  },
});

function putFilter(to: Writer, filter: ConnectionFilter): void {
  const { protocol, originalDestination, originalPort, replySource, replyPort } = filter;
  const withPorts = protocol !== undefined;
  const original =
    (originalDestination ? FILTER.destination : 0) |
    (withPorts ? FILTER.protocol : 0) |
    (withPorts && originalPort !== undefined ? FILTER.destinationPort : 0);
  const reply =
    (replySource ? FILTER.source : 0) |
    (withPorts && replyPort !== undefined ? FILTER.protocol | FILTER.sourcePort : 0);
  const { source, destination } = CTA_IP[filter.family];
  if (original) {
    putNested(to, CTA_TUPLE_ORIG, () => {
      if (originalDestination) {
        putNested(to, CTA_TUPLE_IP, () => putBytes(to, destination, addressBytes(originalDestination)));
      }
      if (withPorts) putProtocol(to, protocol, CTA_PROTO_DST_PORT, originalPort);
    });
  }
  if (reply) {
    putNested(to, CTA_TUPLE_REPLY, () => {
      if (replySource) putNested(to, CTA_TUPLE_IP, () => putBytes(to, source, addressBytes(replySource)));
      if (withPorts) putProtocol(to, protocol, CTA_PROTO_SRC_PORT, replyPort);
    });
  }
  if (original || reply) {
    putNested(to, CTA_FILTER, () => {
      putU32(to, CTA_FILTER_ORIG_FLAGS, original);
      putU32(to, CTA_FILTER_REPLY_FLAGS, reply);
    });
  }
}

function putProtocol(to: Writer, protocol: number, portType: number, port: number | undefined): void {
  putNested(to, CTA_TUPLE_PROTO, () => {
    put(to, CTA_PROTO_NUM, () => to.u8(protocol));
    if (port !== undefined) put(to, portType, () => to.be16(port));
  });
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
