/**
 * Neighbours and bridges' forwarding entries, which RTM_GETNEIGH tells alike, rtnetlink(7), linux/neighbour.h:
 * `struct ndmsg` stands in `../neighbour.ts`.
 */
import type { Address, Mac } from "../../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";
import { AF_BRIDGE } from "../../socket-constants.ts";
import { NDA_DST, NDA_LLADDR, NDMSG_SIZE, NUD_PERMANENT, RTM_GETNEIGH } from "../attributes.ts";
import { familyOf } from "../family.ts";

const NDA_VLAN = 5;
const NDA_MASTER = 9;

const NTF_PROXY = 0x08;
const NUD_NOARP = 0x40;

export interface ObservedNeighbour {
  readonly ifindex: number;
  readonly address: Address;
  readonly mac?: Mac;
  /** NUD_*, as `linux/kernel.ts` lists them. */
  readonly state: number;
  /** NTF_PROXY: answered for somebody else. */
  readonly proxy: boolean;
}

/** An entry of a bridge's table. */
export interface ForwardingEntry {
  readonly mac: Mac;
  /** The port it leads to, or the bridge itself where `local`. */
  readonly ifindex: number;
  readonly bridge: number;
  /** The bridge's or a port's own address: frames to it go up. */
  readonly local: boolean;
  readonly permanent: boolean;
  readonly vlan?: number;
}

const fields = new Fields();

/** The neighbour that an RTM_NEWNEIGH tells of, or undefined where it is of another family or broken. */
export function readObservedNeighbour(payload: Uint8Array): ObservedNeighbour | undefined {
  if (payload.length < NDMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  if (!family) return undefined;
  const view = viewOf(payload);
  fields.of(payload, NDMSG_SIZE);
  const address = fields.address(NDA_DST, family);
  if (!address) return undefined;
  const mac = fields.mac(NDA_LLADDR);
  return {
    ifindex: view.getInt32(4, LITTLE_ENDIAN),
    address,
    ...(mac && { mac }),
    state: view.getUint16(8, LITTLE_ENDIAN),
    proxy: ((payload[10] ?? 0) & NTF_PROXY) !== 0,
  };
}

/**
 * The entry of a bridge that an RTM_NEWNEIGH of AF_BRIDGE tells of. Undefined for a link's own list of addresses that it
 * listens to, which comes by the same way and names no bridge.
 */
export function readForwardingEntry(payload: Uint8Array): ForwardingEntry | undefined {
  if (payload.length < NDMSG_SIZE || payload[0] !== AF_BRIDGE) return undefined;
  const view = viewOf(payload);
  fields.of(payload, NDMSG_SIZE);
  const bridge = fields.u32(NDA_MASTER);
  const mac = fields.mac(NDA_LLADDR);
  if (!mac || bridge === undefined) return undefined;
  const state = view.getUint16(8, LITTLE_ENDIAN);
  const vlan = fields.u16(NDA_VLAN);
  return {
    mac,
    ifindex: view.getInt32(4, LITTLE_ENDIAN),
    bridge,
    // net/bridge/br_fdb.c, fdb_to_nud: BR_FDB_LOCAL is told as permanent, and a static one as noarp.
    local: (state & NUD_PERMANENT) !== 0,
    permanent: (state & (NUD_PERMANENT | NUD_NOARP)) !== 0,
    ...(vlan !== undefined && { vlan }),
  };
}

/** Ask for addresses that are answered for on somebody else's behalf: for `NetlinkSocket.dump`. */
export const askProxies = (what: string): Request => ({
  what,
  type: RTM_GETNEIGH,
  body: (to) => to.zeros(10).u8(NTF_PROXY).u8(0),
});

/** Ask for entries of all bridges: for `NetlinkSocket.dump`. */
export const askForwarding = (what: string): Request => ({
  what,
  type: RTM_GETNEIGH,
  body: (to) => to.u8(AF_BRIDGE).zeros(NDMSG_SIZE - 1),
});
