/** Settings of links as the kernel combines them with those of `all`, include/linux/inetdevice.h. */
import type { LinkSettings, Namespace, ObservedLink } from "../../observe/types.ts";

/** A number of `/proc/sys/net`; `otherwise` where this kernel has not the key. */
export function sysctl(namespace: Namespace, key: string, otherwise = 0): number {
  const text = namespace.sysctls.get(key);
  return text === undefined ? otherwise : Number.parseInt(text, 10);
}

const KEYS = {
  routeLocalnet: "route_localnet",
  proxyArp: "proxy_arp",
  acceptLocal: "accept_local",
  sourceValidMark: "src_valid_mark",
  sendRedirects: "send_redirects",
  reversePathFilter: "rp_filter",
  arpIgnore: "arp_ignore",
  arpAnnounce: "arp_announce",
} as const satisfies Partial<Record<keyof LinkSettings, string>>;

type Either = "routeLocalnet" | "proxyArp" | "acceptLocal" | "sourceValidMark" | "sendRedirects";
type Larger = "reversePathFilter" | "arpIgnore" | "arpAnnounce";

/** IN_DEV_ORCONF: in force where either has it. */
export const either = (namespace: Namespace, link: ObservedLink, setting: Either): boolean =>
  link.settings?.[setting] === true || sysctl(namespace, `net.ipv4.conf.all.${KEYS[setting]}`) !== 0;

/** IN_DEV_MAXCONF: the larger is in force. */
export const larger = (namespace: Namespace, link: ObservedLink, setting: Larger): number =>
  Math.max(link.settings?.[setting] ?? 0, sysctl(namespace, `net.ipv4.conf.all.${KEYS[setting]}`));

/** IN_DEV_FORWARD: of the link that a packet comes in by alone. */
export const forwards4 = (namespace: Namespace, link: ObservedLink): boolean =>
  link.settings?.forwarding4 ?? sysctl(namespace, "net.ipv4.ip_forward") !== 0;

/** devconf_all->forwarding: of IPv6 the namespace decides, not the link. */
export const forwards6 = (namespace: Namespace): boolean =>
  sysctl(namespace, "net.ipv6.conf.all.forwarding") !== 0;

export const ipv6Off = (namespace: Namespace, link: ObservedLink): boolean =>
  link.settings?.disableIpv6 ?? sysctl(namespace, "net.ipv6.conf.all.disable_ipv6") !== 0;
