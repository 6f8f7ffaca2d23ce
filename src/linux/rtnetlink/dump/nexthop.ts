/**
 * Nexthop objects, ip-nexthop(8), linux/nexthop.h:
 * ```c
 * struct nhmsg {
 *   unsigned char nh_family, nh_scope, nh_protocol, resvd;
 *   unsigned int nh_flags;   // RTNH_F_*
 * };
 * struct nexthop_grp {       // NHA_GROUP: an array
 *   __u32 id;
 *   __u8 weight;             // less one
 *   __u8 weight_high;
 *   __u16 resvd2;
 * };
 * ```
 */
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";
import { familyOf } from "../family.ts";
import { RTN } from "../route-numbers.ts";
import type { NextHop, ObservedRoute, ToldRoute } from "./route.ts";

const RTM_GETNEXTHOP = 106;
const NHMSG_SIZE = 8;
const NEXTHOP_GRP_SIZE = 8;

const NHA_ID = 1;
const NHA_GROUP = 2;
const NHA_BLACKHOLE = 4;
const NHA_OIF = 5;
const NHA_GATEWAY = 6;

export interface Nexthop {
  readonly id: number;
  /** Absent where it is a group, or a black hole. */
  readonly hop?: NextHop;
  readonly blackhole: boolean;
  /** Of a group: who is in it. */
  readonly group: readonly { readonly id: number; readonly weight: number }[];
}

const fields = new Fields();

/** The object that an RTM_NEWNEXTHOP tells of, or undefined where the payload tells of none. */
export function readNexthop(payload: Uint8Array): Nexthop | undefined {
  if (payload.length < NHMSG_SIZE) return undefined;
  fields.of(payload, NHMSG_SIZE);
  const id = fields.u32(NHA_ID);
  if (id === undefined) return undefined;
  const family = familyOf(payload[0]);
  const via = family && fields.address(NHA_GATEWAY, family);
  const ifindex = fields.u32(NHA_OIF);
  const flags = viewOf(payload).getUint32(4, LITTLE_ENDIAN) & 0xff;
  const single = via !== undefined || ifindex !== undefined;
  return {
    id,
    ...(single && {
      hop: { ...(via && { via }), ...(ifindex !== undefined && { ifindex }), flags, weight: 1 },
    }),
    blackhole: fields.has(NHA_BLACKHOLE),
    group: readGroup(fields.bytes(NHA_GROUP)),
  };
}

function readGroup(bytes: Uint8Array | undefined): Nexthop["group"] {
  if (!bytes) return [];
  const view = viewOf(bytes);
  return Array.from({ length: Math.floor(bytes.length / NEXTHOP_GRP_SIZE) }, (_, i) => {
    const at = i * NEXTHOP_GRP_SIZE;
    const weight = view.getUint8(at + 4) + (view.getUint8(at + 5) << 8) + 1;
    return { id: view.getUint32(at, LITTLE_ENDIAN), weight };
  });
}

/** Ask for all objects: for `NetlinkSocket.dump`. */
export const askNexthops = (what: string): Request => ({
  what,
  type: RTM_GETNEXTHOP,
  body: (to) => to.zeros(NHMSG_SIZE),
});

/** The route with what its object says of where it leads; with net.ipv4.nexthop_compat_mode=0, nothing else tells that. */
export function resolveNexthop(
  { route, nexthop }: ToldRoute,
  objects: ReadonlyMap<number, Nexthop>,
): ObservedRoute {
  if (nexthop === undefined || route.hops.length > 0) return route;
  const object = objects.get(nexthop);
  if (!object) return route;
  if (object.blackhole) return { ...route, type: RTN.blackhole };
  if (object.hop) return { ...route, hops: [object.hop] };
  const hops = object.group.flatMap(({ id, weight }) => {
    const hop = objects.get(id)?.hop;
    return hop ? [{ ...hop, weight }] : [];
  });
  return { ...route, hops };
}
