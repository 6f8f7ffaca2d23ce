/**
 * What went through links: IFLA_STATS64 of RTM_NEWLINK, linux/if_link.h:
 * ```c
 * struct rtnl_link_stats64 {
 *   __u64 rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped;
 *   // multicast, collisions, and errors in detail
 * };
 * ```
 */
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import type { LinkCounters, LinkTraffic } from "../kernel.ts";
import { attributeOf } from "../netlink/attribute.ts";
import type { Request } from "../netlink/socket.ts";
import { IFLA_STATS64 } from "./attributes.ts";
import { IFINFOMSG_SIZE, putLink, RTM_GETLINK, readLink } from "./link.ts";

const COUNTERS_SIZE = 8 * 8;

/** Ask for all links with their counters: for `NetlinkSocket.dump`. */
export const askTraffic = (what: string): Request => ({
  what,
  type: RTM_GETLINK,
  body: (to) => putLink(to, {}),
});

/** Of a link that has counters; undefined where the payload tells of none. */
export function readTraffic(payload: Uint8Array): LinkTraffic | undefined {
  const link = readLink(payload);
  const counters = link && readCounters(attributeOf(payload.subarray(IFINFOMSG_SIZE), IFLA_STATS64));
  return counters && { name: link.name, ...counters };
}

/** The value of IFLA_STATS64; undefined where it is cut short. */
export function readCounters(stats: Uint8Array | undefined): LinkCounters | undefined {
  if (!stats || stats.length < COUNTERS_SIZE) return undefined;
  const view = viewOf(stats);
  const counter = (index: number) => view.getBigUint64(index * 8, LITTLE_ENDIAN);
  return {
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    rxDropped: counter(6),
    txDropped: counter(7),
  };
}
