/**
 * Links, rtnetlink(7), linux/if_link.h:
 * ```c
 * struct ifinfomsg {
 *   unsigned char ifi_family;
 *   unsigned char __ifi_pad;
 *   unsigned short ifi_type;   // ARPHRD_*
 *   int ifi_index;
 *   unsigned ifi_flags;        // IFF_*
 *   unsigned ifi_change;       // which of the flags are meant
 * };
 * ```
 */
import { type Mac, macBytes, macFromBytes } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, readCString, readI32, readU32, viewOf, type Writer } from "../bytes.ts";
import type { Link } from "../kernel.ts";
import {
  attributeOf,
  attributesOf,
  put,
  putBytes,
  putNested,
  putString,
  putU32,
} from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Request } from "../netlink/socket.ts";
import {
  IFF_LOOPBACK,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_BRPORT_MODE,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MACVLAN_MODE,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_VLAN_ID,
  RTM_DELLINK,
  RTM_NEWLINK,
} from "./attributes.ts";

export const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

export const IFINFOMSG_SIZE = 16;

const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const VETH_INFO_PEER = 1;
const IFLA_BR_MULTI_BOOLOPT = 46;
const BR_BOOLOPT_NO_LL_LEARN = 1; // bit 0

const RTEXT_FILTER_SKIP_STATS = 0x8;

/** enum macvlan_mode */
const MACVLAN_MODE = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;

/** What is asked of a link. What is not said stays as it is. */
export interface LinkRequest {
  /** Which link; by its name where this is absent. */
  readonly ifindex?: number;
  readonly name?: string;
  readonly kind?: "bridge" | "veth" | "macvlan" | "vlan";
  readonly up?: boolean;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly master?: number;
  /** Of a port of a bridge already: may frames leave by it that came by it. */
  readonly hairpin?: boolean;
  /** An empty one takes it away. */
  readonly alias?: string;
  readonly group?: number;
  /** The namespace that it is born in, or moved to. */
  readonly netnsFd?: number;
  /**
   * Of a bridge: learn no addresses from frames to 01:80:c2:00:00:0x (linux/if_link.h, BR_BOOLOPT_NO_LL_LEARN).
   * Those pass every netfilter hook by, so a port could take a neighbour's frames over with them.
   */
  readonly noLinkLocalLearn?: boolean;
  /** A veth's other end, as it is born. */
  readonly peer?: LinkRequest;
  /** Of a stacked link, what it is stacked upon: an index of the namespace that the request is made in. */
  readonly parent?: number;
  readonly macvlanMode?: keyof typeof MACVLAN_MODE;
  readonly vlanId?: number;
}

export function putLink(to: Writer, link: LinkRequest): void {
  const { up } = link;
  to.u8(0).u8(0).u16(0);
  to.i32(link.ifindex ?? 0);
  to.u32(up ? IFF_UP : 0).u32(up === undefined ? 0 : IFF_UP);
  if (link.name !== undefined) putString(to, IFLA_IFNAME, link.name);
  if (link.mac !== undefined) putBytes(to, IFLA_ADDRESS, macBytes(link.mac));
  if (link.mtu !== undefined) putU32(to, IFLA_MTU, link.mtu);
  if (link.parent !== undefined) putU32(to, IFLA_LINK, link.parent);
  if (link.master !== undefined) putU32(to, IFLA_MASTER, link.master);
  // Without a NUL: only so does an empty alias take the old one away.
  if (link.alias !== undefined) putBytes(to, IFLA_IFALIAS, Buffer.from(link.alias));
  if (link.group !== undefined) putU32(to, IFLA_GROUP, link.group);
  if (link.netnsFd !== undefined) putU32(to, IFLA_NET_NS_FD, link.netnsFd);
  if (link.kind !== undefined) putKind(to, link.kind, link);
  if (link.hairpin !== undefined) putHairpin(to, link.hairpin);
}

const putHairpin = (to: Writer, hairpin: boolean): void =>
  putNested(to, IFLA_LINKINFO, () => {
    putString(to, IFLA_INFO_SLAVE_KIND, "bridge");
    putNested(to, IFLA_INFO_SLAVE_DATA, () => put(to, IFLA_BRPORT_MODE, () => to.u8(hairpin ? 1 : 0)));
  });

function putKind(to: Writer, kind: string, link: LinkRequest): void {
  putNested(to, IFLA_LINKINFO, () => {
    putString(to, IFLA_INFO_KIND, kind);
    const { peer, noLinkLocalLearn, macvlanMode, vlanId } = link;
    // Attributes of different kinds have the same numbers.
    if (peer) putNested(to, IFLA_INFO_DATA, () => put(to, VETH_INFO_PEER, () => putLink(to, peer)));
    if (macvlanMode) {
      putNested(to, IFLA_INFO_DATA, () => putU32(to, IFLA_MACVLAN_MODE, MACVLAN_MODE[macvlanMode]));
    }
    if (vlanId !== undefined) {
      putNested(to, IFLA_INFO_DATA, () => put(to, IFLA_VLAN_ID, () => to.u16(vlanId)));
    }
    if (noLinkLocalLearn !== undefined) {
      // struct br_boolopt_multi { __u32 optval; __u32 optmask; }
      putNested(to, IFLA_INFO_DATA, () =>
        put(to, IFLA_BR_MULTI_BOOLOPT, () =>
          to.u32(noLinkLocalLearn ? BR_BOOLOPT_NO_LL_LEARN : 0).u32(BR_BOOLOPT_NO_LL_LEARN),
        ),
      );
    }
  });
}

/** The link that an RTM_NEWLINK tells of, or undefined where the payload tells of none. */
export function readLink(payload: Uint8Array): Link | undefined {
  if (payload.length < IFINFOMSG_SIZE) return undefined;
  const view = viewOf(payload);
  const flags = view.getUint32(8, LITTLE_ENDIAN);
  const attributes = attributesOf(payload.subarray(IFINFOMSG_SIZE));
  const name = attributes.get(IFLA_IFNAME);
  const mtu = readU32(attributes.get(IFLA_MTU));
  if (!name || mtu === undefined) return undefined;
  const mac = attributes.get(IFLA_ADDRESS);
  const kind = attributesOf(attributes.get(IFLA_LINKINFO)).get(IFLA_INFO_KIND);
  const master = readU32(attributes.get(IFLA_MASTER));
  const peer = readU32(attributes.get(IFLA_LINK));
  const peerNetnsId = readI32(attributes.get(IFLA_LINK_NETNSID));
  const alias = attributes.get(IFLA_IFALIAS);
  return {
    ifindex: view.getInt32(4, LITTLE_ENDIAN),
    name: readCString(name),
    mtu,
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    ...(kind && { kind: readCString(kind) }),
    ...(mac?.length === 6 && { mac: macFromBytes(mac) }),
    ...(master && { master }),
    ...(peer && { peer }),
    ...(peerNetnsId !== undefined && { peerNetnsId }),
    ...(alias && { alias: readCString(alias) }),
  };
}

/** Make a link that isn't there. EEXIST where one of that name is. */
export const createLink = (what: string, link: LinkRequest): Request => ({
  what,
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => putLink(to, link),
});

/** Change a link. With an ifindex, `name` is its new name. What a link is to its bridge, RTM_SETLINK passes over. */
export const changeLink = (what: string, link: LinkRequest): Request => ({
  what,
  type: link.hairpin === undefined ? RTM_SETLINK : RTM_NEWLINK,
  body: (to) => putLink(to, link),
});

/** Delete a link, or all of a group. Runs inside the send, for the kernel's RCU grace period. */
export const deleteLink = (
  what: string,
  link: { readonly ifindex: number } | { readonly name: string } | { readonly group: number },
): Request => ({ what, type: RTM_DELLINK, body: (to) => putLink(to, link) });

/**
 * Ask for one link, and pass over the answer. From Linux 6.8 on this brings the link's carrier state up to
 * date (linkwatch_sync_dev), and with it the state of a bridge port.
 */
export const touchLink = (
  what: string,
  link: { readonly ifindex: number } | { readonly name: string },
): Request => ({
  what,
  type: RTM_GETLINK,
  body: (to) => {
    putLink(to, link);
    putU32(to, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  },
});

/** Ask for one link. */
export const askLink = (
  what: string,
  link: { readonly ifindex: number } | { readonly name: string },
  hear: (link: Link) => void,
): Request => ({
  ...touchLink(what, link),
  answer: ({ payload }) => {
    const told = readLink(payload);
    if (told) hear(told);
  },
});

/** Ask for no more than the indexes of a link and of its peer. */
export const askPair = (
  what: string,
  name: string,
  hear: (ifindex: number, peer: number | undefined) => void,
): Request => ({
  ...touchLink(what, { name }),
  answer: ({ payload }) => {
    if (payload.length < IFINFOMSG_SIZE) return;
    const peer = readU32(attributeOf(payload.subarray(IFINFOMSG_SIZE), IFLA_LINK));
    hear(viewOf(payload).getInt32(4, LITTLE_ENDIAN), peer);
  },
});

/** Ask for all links: for `NetlinkSocket.dump`. */
export const askLinks = (what: string): Request => ({
  what,
  type: RTM_GETLINK,
  body: (to) => {
    putLink(to, {});
    putU32(to, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  },
});
