/**
 * Addresses of links, rtnetlink(7), linux/if_addr.h:
 * ```c
 * struct ifaddrmsg {
 *   __u8 ifa_family;
 *   __u8 ifa_prefixlen;
 *   __u8 ifa_flags;     // IFA_FLAGS has all of them
 *   __u8 ifa_scope;     // RT_SCOPE_*
 *   __u32 ifa_index;
 * };
 * ```
 */
import { addressBytes } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf, type Writer } from "../bytes.ts";
import type { LinkAddress } from "../kernel.ts";
import { attributesOf, putBytes, putU32 } from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Request } from "../netlink/socket.ts";
import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_FLAGS,
  IFA_LOCAL,
  IFADDRMSG_SIZE,
  RTM_DELADDR,
} from "./attributes.ts";
import { afOf, familyOf, readAddress } from "./family.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;

const IFA_F_NODAD = 0x02;

export function putLinkAddress(to: Writer, link: LinkAddress, flags = 0): void {
  const { address, broadcast } = link;
  const bytes = addressBytes(address.address);
  to.u8(afOf(address.address.family)).u8(address.length).u8(0).u8(link.scope).u32(link.ifindex);
  // They differ on point-to-point links only, where IFA_ADDRESS is the other end's.
  putBytes(to, IFA_LOCAL, bytes);
  putBytes(to, IFA_ADDRESS, bytes);
  if (broadcast) putBytes(to, IFA_BROADCAST, addressBytes(broadcast));
  if (flags) putU32(to, IFA_FLAGS, flags);
}

/** The address that an RTM_NEWADDR tells of, or undefined where it is of another family or broken. */
export function readLinkAddress(payload: Uint8Array): LinkAddress | undefined {
  if (payload.length < IFADDRMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  const length = payload[1] ?? 0;
  if (!family || length > (family === 4 ? 32 : 128)) return undefined;
  const attributes = attributesOf(payload.subarray(IFADDRMSG_SIZE));
  const address = readAddress(family, attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  const broadcast = readAddress(family, attributes.get(IFA_BROADCAST));
  if (!address) return undefined;
  return {
    ifindex: viewOf(payload).getUint32(4, LITTLE_ENDIAN),
    address: { address, length },
    scope: payload[3] ?? 0,
    ...(broadcast && { broadcast }),
  };
}

/**
 * Add an address that isn't there; EEXIST where it is. With `settled`, an IPv6 address is used at once,
 * without asking the neighbours whether it is free (IFA_F_NODAD).
 */
export const addAddress = (what: string, link: LinkAddress, settled: boolean): Request => ({
  what,
  type: RTM_NEWADDR,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => putLinkAddress(to, link, settled && link.address.address.family === 6 ? IFA_F_NODAD : 0),
});

/** Delete an address; EADDRNOTAVAIL where it isn't there. */
export const deleteAddress = (what: string, link: LinkAddress): Request => ({
  what,
  type: RTM_DELADDR,
  body: (to) => putLinkAddress(to, link),
});

/** Ask for all addresses: for `NetlinkSocket.dump`. */
export const askAddresses = (what: string): Request => ({
  what,
  type: RTM_GETADDR,
  body: (to) => to.zeros(IFADDRMSG_SIZE),
});
