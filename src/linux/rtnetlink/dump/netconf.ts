/**
 * Settings of IPv4 or IPv6 for all links at once, which save a look into `/proc/sys`, linux/netconf.h:
 * ```c
 * struct netconfmsg { __u8 ncm_family; };
 * ```
 */

import type { Family } from "../../../lib/ip.ts";
import { put } from "../../netlink/attribute.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";
import { afOf } from "../family.ts";

const RTM_GETNETCONF = 82;
/** Padded. */
const NETCONFMSG_SIZE = 4;
const NETCONFA_IFINDEX = 1;
const NETCONFA_FORWARDING = 2;
const NETCONFA_IFINDEX_ALL = -1;

const fields = new Fields();

/** Whether an RTM_NEWNETCONF says that packets are forwarded. */
export const readForwarding = (payload: Uint8Array): boolean =>
  (fields.of(payload, NETCONFMSG_SIZE).i32(NETCONFA_FORWARDING) ?? 0) !== 0;

/** Ask for `net.ipv4.conf.all.forwarding`, or that of IPv6. */
export const askForwardingOfAll = (
  what: string,
  family: Family,
  hear: (forwards: boolean) => void,
): Request => ({
  what,
  type: RTM_GETNETCONF,
  body: (to) => {
    to.u8(afOf(family)).zeros(NETCONFMSG_SIZE - 1);
    put(to, NETCONFA_IFINDEX, () => to.i32(NETCONFA_IFINDEX_ALL));
  },
  answer: ({ payload }) => hear(readForwarding(payload)),
});
