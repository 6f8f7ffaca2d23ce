/**
 * Routes with all that decides over a packet, rtnetlink(7), linux/rtnetlink.h: `struct rtmsg` stands in `../route.ts`.
 * ```c
 * struct rtnexthop {        // RTA_MULTIPATH: one after another, each with attributes of its own
 *   unsigned short rtnh_len;
 *   unsigned char rtnh_flags;
 *   unsigned char rtnh_hops;  // its weight less one
 *   int rtnh_ifindex;
 * };
 * struct rtvia { __kernel_sa_family_t rtvia_family; __u8 rtvia_addr[]; };
 * ```
 */
import { type Address, type Family, type Prefix, widthOf } from "../../../lib/ip.ts";
import { align4, LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { addressAt, Fields } from "../../netlink/fields.ts";
import { RTA_DST, RTA_GATEWAY, RTA_OIF, RTA_TABLE, RTA_VIA, RTMSG_SIZE } from "../attributes.ts";
import { familyOf } from "../family.ts";
import { RTN } from "../route-numbers.ts";

const RTNEXTHOP_SIZE = 8;

const RTA_SRC = 2;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_NH_ID = 30;
const RTAX_MTU = 2;

/** Kept for one flow, not configured: no table holds it. */
const RTM_F_CLONED = 0x200;
/** Of rtm_flags, what a next hop of its own has in rtnh_flags. */
const HOP_FLAGS = 0xff;

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

/** A route as it was told: one by a nexthop object says its number (ip-nexthop(8)), and may say nothing else of where it leads. */
export interface ToldRoute {
  readonly route: ObservedRoute;
  readonly nexthop?: number;
}

const DEFAULT = {
  4: { address: { family: 4, bits: 0n }, length: 0 },
  6: { address: { family: 6, bits: 0n }, length: 0 },
} as const;

const fields = new Fields();
const inner = new Fields();

/** The route that an RTM_NEWROUTE tells of, or undefined where it is of another family, of one flow alone, or broken. */
export function readObservedRoute(payload: Uint8Array): ToldRoute | undefined {
  if (payload.length < RTMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  if (!family) return undefined;
  const flags = viewOf(payload).getUint32(8, LITTLE_ENDIAN);
  if (flags & RTM_F_CLONED) return undefined;
  fields.of(payload, RTMSG_SIZE);
  const to = readPrefix(family, payload[1] ?? 0, RTA_DST);
  if (!to) return undefined;
  const from = payload[2] ? readPrefix(family, payload[2], RTA_SRC) : undefined;
  const type = payload[7] ?? 0;
  const preferredSource = fields.address(RTA_PREFSRC, family);
  const nexthop = fields.u32(RTA_NH_ID);
  const mtu = fields.has(RTA_METRICS) ? inner.within(fields, RTA_METRICS).u32(RTAX_MTU) : undefined;
  const route = {
    family,
    to,
    ...(from && { from }),
    tos: payload[3] ?? 0,
    table: fields.u32(RTA_TABLE) ?? payload[4] ?? 0,
    type,
    scope: payload[6] ?? 0,
    protocol: payload[5] ?? 0,
    metric: fields.u32(RTA_PRIORITY) ?? 0,
    ...(preferredSource && { preferredSource }),
    ...(mtu !== undefined && { mtu }),
    // IPv6's own of these kinds stand upon loopback, which nothing ever leaves by.
    hops: type >= RTN.blackhole && type <= RTN.throw ? [] : readHops(family, flags & HOP_FLAGS),
  };
  return { route, ...(nexthop !== undefined && { nexthop }) };
}

function readPrefix(family: Family, length: number, type: number): Prefix | undefined {
  if (length > widthOf(family)) return undefined;
  const address = fields.address(type, family);
  if (address) return { address, length };
  return length === 0 ? DEFAULT[family] : undefined;
}

function readHops(family: Family, flags: number): NextHop[] {
  const several = fields.bytes(RTA_MULTIPATH);
  if (several) return readSeveral(family, several);
  const hop = readHop(family, fields, fields.u32(RTA_OIF), flags, 1);
  return hop.via || hop.ifindex !== undefined ? [hop] : [];
}

function readSeveral(family: Family, bytes: Uint8Array): NextHop[] {
  const view = viewOf(bytes);
  const hops: NextHop[] = [];
  for (let at = 0; at + RTNEXTHOP_SIZE <= bytes.length; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < RTNEXTHOP_SIZE || at + length > bytes.length) break;
    inner.of(bytes.subarray(at, at + length), RTNEXTHOP_SIZE);
    const ifindex = view.getInt32(at + 4, LITTLE_ENDIAN);
    hops.push(readHop(family, inner, ifindex, view.getUint8(at + 2), view.getUint8(at + 3) + 1));
    at += align4(length);
  }
  return hops;
}

function readHop(
  family: Family,
  from: Fields,
  ifindex: number | undefined,
  flags: number,
  weight: number,
): NextHop {
  const via = from.address(RTA_GATEWAY, family) ?? readVia(from.bytes(RTA_VIA));
  return { ...(via && { via }), ...(ifindex !== undefined && { ifindex }), flags, weight };
}

/** A gateway of the other family. */
function readVia(bytes: Uint8Array | undefined): Address | undefined {
  const family = bytes?.length === 6 ? 4 : bytes?.length === 18 ? 6 : undefined;
  return bytes && family && addressAt(viewOf(bytes), 2, family);
}
