/**
 * Settings of a link in a packet's way: IFLA_AF_SPEC, which saves reading a file each under `/proc/sys/net/ipv4/conf`.
 * ```
 * IFLA_AF_SPEC
 *   AF_INET   IFLA_INET_CONF   u32 each, IPV4_DEVCONF_* of linux/ip.h, which count from 1
 *   AF_INET6  IFLA_INET6_CONF  s32 each, DEVCONF_* of linux/ipv6.h, which count from 0
 * ```
 */
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import { AF_INET, AF_INET6 } from "../../socket-constants.ts";

const IFLA_AF_SPEC = 26;
const IFLA_INET_CONF = 1;
const IFLA_INET6_CONF = 2;

/** Places in the list, from 0. */
const FOUR = {
  forwarding: 0,
  proxyArp: 2,
  sendRedirects: 5,
  rpFilter: 7,
  arpAnnounce: 17,
  arpIgnore: 18,
  acceptLocal: 22,
  srcVmark: 23,
  routeLocalnet: 25,
} as const;
const SIX = { forwarding: 0, acceptRa: 3, proxyNdp: 22, disable: 26 } as const;

/** IFLA_AF_SPEC's counters of settings: `/proc/sys/net/ipv4/conf/LINK/…` and `ipv6`, by name; those that matter to a packet. */
export interface LinkSettings {
  readonly forwarding4: boolean;
  /** 0 off, 1 strict, 2 loose; the larger of this and `all`'s is in force. */
  readonly reversePathFilter: number;
  readonly routeLocalnet: boolean;
  readonly proxyArp: boolean;
  readonly arpIgnore: number;
  readonly arpAnnounce: number;
  readonly acceptLocal: boolean;
  readonly sourceValidMark: boolean;
  readonly sendRedirects: boolean;
  readonly forwarding6: boolean;
  readonly disableIpv6: boolean;
  readonly acceptRa: number;
  readonly proxyNdp: boolean;
}

const spec = new Fields();
const own = new Fields();

/** Of the link whose attributes `link` reads; undefined where it takes no part in IPv4. Without IPv6, that is disabled. */
export function readLinkSettings(link: Fields): LinkSettings | undefined {
  spec.within(link, IFLA_AF_SPEC);
  const four = own.within(spec, AF_INET).bytes(IFLA_INET_CONF);
  if (!four) return undefined;
  const six = own.within(spec, AF_INET6).bytes(IFLA_INET6_CONF);
  const get4 = numbers(four);
  const get6 = six && numbers(six);
  return {
    forwarding4: get4(FOUR.forwarding) !== 0,
    reversePathFilter: get4(FOUR.rpFilter),
    routeLocalnet: get4(FOUR.routeLocalnet) !== 0,
    proxyArp: get4(FOUR.proxyArp) !== 0,
    arpIgnore: get4(FOUR.arpIgnore),
    arpAnnounce: get4(FOUR.arpAnnounce),
    acceptLocal: get4(FOUR.acceptLocal) !== 0,
    sourceValidMark: get4(FOUR.srcVmark) !== 0,
    sendRedirects: get4(FOUR.sendRedirects) !== 0,
    forwarding6: get6 ? get6(SIX.forwarding) !== 0 : false,
    disableIpv6: get6 ? get6(SIX.disable) !== 0 : true,
    acceptRa: get6 ? get6(SIX.acceptRa) : 0,
    proxyNdp: get6 ? get6(SIX.proxyNdp) !== 0 : false,
  };
}

/** A setting that this kernel has not is 0: none of them is on by itself. */
function numbers(bytes: Uint8Array): (place: number) => number {
  const view = viewOf(bytes);
  return (place) => (place * 4 + 4 <= bytes.length ? view.getInt32(place * 4, LITTLE_ENDIAN) : 0);
}
