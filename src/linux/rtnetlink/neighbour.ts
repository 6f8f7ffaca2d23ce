/**
 * Neighbours, rtnetlink(7), linux/neighbour.h:
 * ```c
 * struct ndmsg {
 *   __u8 ndm_family;
 *   __u8 ndm_pad1;
 *   __u16 ndm_pad2;
 *   __s32 ndm_ifindex;
 *   __u16 ndm_state;    // NUD_*
 *   __u8 ndm_flags;     // NTF_*
 *   __u8 ndm_type;
 * };
 * ```
 */
import { addressBytes, macBytes, macFromBytes } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf, type Writer } from "../bytes.ts";
import type { Neighbour } from "../kernel.ts";
import { attributesOf, putBytes } from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Request } from "../netlink/socket.ts";
import { NDA_DST, NDA_LLADDR, NDMSG_SIZE, RTM_GETNEIGH } from "./attributes.ts";
import { afOf, familyOf, readAddress } from "./family.ts";

const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;

export function putNeighbour(to: Writer, neighbour: Neighbour): void {
  const { address, mac } = neighbour;
  to.u8(afOf(address.family)).zeros(3).i32(neighbour.ifindex).u16(neighbour.state).u8(0).u8(0);
  putBytes(to, NDA_DST, addressBytes(address));
  if (mac) putBytes(to, NDA_LLADDR, macBytes(mac));
}

/** The neighbour that an RTM_NEWNEIGH tells of, or undefined where it is of another family or broken. */
export function readNeighbour(payload: Uint8Array): Neighbour | undefined {
  if (payload.length < NDMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  if (!family) return undefined;
  const view = viewOf(payload);
  const attributes = attributesOf(payload.subarray(NDMSG_SIZE));
  const address = readAddress(family, attributes.get(NDA_DST));
  const mac = attributes.get(NDA_LLADDR);
  if (!address) return undefined;
  return {
    ifindex: view.getInt32(4, LITTLE_ENDIAN),
    address,
    ...(mac?.length === 6 && { mac: macFromBytes(mac) }),
    state: view.getUint16(8, LITTLE_ENDIAN),
  };
}

/** Add an entry that isn't there; EEXIST where it is. */
export const addNeighbour = (what: string, neighbour: Neighbour): Request => ({
  what,
  type: RTM_NEWNEIGH,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => putNeighbour(to, neighbour),
});

/** Delete an entry; ENOENT where it isn't there. */
export const deleteNeighbour = (what: string, neighbour: Neighbour): Request => ({
  what,
  type: RTM_DELNEIGH,
  body: (to) => putNeighbour(to, neighbour),
});

/** Ask for all entries: for `NetlinkSocket.dump`. */
export const askNeighbours = (what: string): Request => ({
  what,
  type: RTM_GETNEIGH,
  body: (to) => to.zeros(NDMSG_SIZE),
});
