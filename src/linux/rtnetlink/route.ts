/**
 * Routes, rtnetlink(7), linux/rtnetlink.h:
 * ```c
 * struct rtmsg {
 *   unsigned char rtm_family;
 *   unsigned char rtm_dst_len;
 *   unsigned char rtm_src_len;
 *   unsigned char rtm_tos;
 *   unsigned char rtm_table;     // RTA_TABLE has numbers above 255
 *   unsigned char rtm_protocol;  // RTPROT_*: who made it
 *   unsigned char rtm_scope;     // RT_SCOPE_*
 *   unsigned char rtm_type;      // RTN_*
 *   unsigned rtm_flags;
 * };
 * ```
 */
import { addressBytes, addressFromBytes, type Family, widthOf } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, readU32, viewOf, type Writer } from "../bytes.ts";
import type { Route } from "../kernel.ts";
import { attributesOf, putBytes, putU32 } from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Request } from "../netlink/socket.ts";
import { RTA_DST, RTA_GATEWAY, RTA_OIF, RTA_TABLE, RTA_VIA, RTMSG_SIZE } from "./attributes.ts";
import { afOf, familyOf, readAddress } from "./family.ts";
import { RT_SCOPE } from "./route-numbers.ts";

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

/** As `ip route add` marks its routes. */
const RTPROT_BOOT = 3;
const RTNH_F_ONLINK = 4;

const familyOfRoute = (route: Route): Family =>
  route.to === "default" ? (route.family ?? route.via?.family ?? 4) : route.to.address.family;

export function putRoute(to: Writer, route: Route): void {
  const family = familyOfRoute(route);
  const destination = route.to === "default" ? undefined : route.to;
  to.u8(afOf(family))
    .u8(destination?.length ?? 0)
    .u8(0)
    .u8(0);
  to.u8(route.table < 256 ? route.table : 0).u8(RTPROT_BOOT);
  to.u8(route.via || family === 6 ? RT_SCOPE.universe : RT_SCOPE.link).u8(route.type);
  to.u32(0);
  if (destination) putBytes(to, RTA_DST, addressBytes(destination.address));
  if (route.via?.family === family) putBytes(to, RTA_GATEWAY, addressBytes(route.via));
  else if (route.via) {
    const af = new Uint8Array(Uint16Array.of(afOf(route.via.family)).buffer);
    putBytes(to, RTA_VIA, Uint8Array.of(...af, ...addressBytes(route.via)));
  }
  if (route.ifindex !== undefined) putU32(to, RTA_OIF, route.ifindex);
  putU32(to, RTA_TABLE, route.table);
}

/** The route that an RTM_NEWROUTE tells of, or undefined where it is of another family or broken. */
export function readRoute(payload: Uint8Array): Route | undefined {
  if (payload.length < RTMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  const length = payload[1] ?? 0;
  if (!family || length > widthOf(family)) return undefined;
  const attributes = attributesOf(payload.subarray(RTMSG_SIZE));
  const address = readAddress(family, attributes.get(RTA_DST));
  if (!address && length > 0) return undefined;
  const via = readAddress(family, attributes.get(RTA_GATEWAY)) ?? readVia(attributes.get(RTA_VIA));
  const ifindex = readU32(attributes.get(RTA_OIF));
  return {
    family,
    to: address ? { address, length } : "default",
    ...(via && { via }),
    ...(ifindex !== undefined && { ifindex }),
    table: readU32(attributes.get(RTA_TABLE)) ?? payload[4] ?? 0,
    type: payload[7] ?? 0,
  };
}

function readVia(bytes: Uint8Array | undefined) {
  return bytes?.length === 6 || bytes?.length === 18 ? addressFromBytes(bytes.subarray(2)) : undefined;
}

/** Add a route that isn't there; EEXIST where it is. */
export const addRoute = (what: string, route: Route): Request => ({
  what,
  type: RTM_NEWROUTE,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => putRoute(to, route),
});

/** Delete a route; ESRCH where it isn't there. */
export const deleteRoute = (what: string, route: Route): Request => ({
  what,
  type: RTM_DELROUTE,
  body: (to) => putRoute(to, route),
});

/** Ask for all routes of all tables, or of one family's: for `NetlinkSocket.dump`. */
export const askRoutes = (what: string, family?: Family): Request => ({
  what,
  type: RTM_GETROUTE,
  body: (to) => to.u8(family ? afOf(family) : 0).zeros(RTMSG_SIZE - 1),
});

/** The payload of an RTM_NEWROUTE as one to send: with all that the kernel told, but what came of the link's state. */
export function toldRoute(payload: Uint8Array): Uint8Array {
  const copy = payload.slice();
  const view = viewOf(copy);
  view.setUint32(8, view.getUint32(8, LITTLE_ENDIAN) & RTNH_F_ONLINK, LITTLE_ENDIAN);
  return copy;
}

/** Put a route back that `toldRoute` kept. */
export const restoreRoute = (what: string, told: Uint8Array): Request => ({
  what,
  type: RTM_NEWROUTE,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => to.bytes(told),
});

/** Delete the very route that `toldRoute` kept. */
export const removeRoute = (what: string, told: Uint8Array): Request => ({
  what,
  type: RTM_DELROUTE,
  body: (to) => to.bytes(told),
});
