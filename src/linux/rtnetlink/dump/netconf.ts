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
const NETCONFA_RP_FILTER = 3;
const NETCONFA_PROXY_NEIGH = 5;
const NETCONFA_IFINDEX_ALL = -1;

/** Numbers as the files under `conf/all` have them; 0 for what a family has not. */
export interface SettingsOfAll {
  readonly forwarding: number;
  readonly reversePathFilter: number;
  /** `proxy_arp`, `proxy_ndp`. */
  readonly proxyNeighbours: number;
}

const fields = new Fields();

/** What an RTM_NEWNETCONF tells. */
export function readNetconf(payload: Uint8Array): SettingsOfAll {
  fields.of(payload, NETCONFMSG_SIZE);
  return {
    forwarding: fields.i32(NETCONFA_FORWARDING) ?? 0,
    reversePathFilter: fields.i32(NETCONFA_RP_FILTER) ?? 0,
    proxyNeighbours: fields.i32(NETCONFA_PROXY_NEIGH) ?? 0,
  };
}

/** Ask for those of `all` links of a family. */
export const askSettingsOfAll = (
  what: string,
  family: Family,
  hear: (settings: SettingsOfAll) => void,
): Request => ({
  what,
  type: RTM_GETNETCONF,
  body: (to) => {
    to.u8(afOf(family)).zeros(NETCONFMSG_SIZE - 1);
    put(to, NETCONFA_IFINDEX, () => to.i32(NETCONFA_IFINDEX_ALL));
  },
  answer: ({ payload }) => hear(readNetconf(payload)),
});
