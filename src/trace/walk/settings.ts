/** Settings of links as the kernel combines them with those of `all`, include/linux/inetdevice.h. */
import { sysctlNumber } from "../../observe/lookup.ts";
import type { LinkSettings, Namespace, ObservedLink } from "../../observe/types.ts";

/** A number of `/proc/sys/net`; `otherwise` where this kernel has not the key. */
export const sysctl = (namespace: Namespace, key: string, otherwise = 0): number =>
  sysctlNumber(namespace, key) ?? otherwise;

const KEYS = {
  routeLocalnet: "route_localnet",
  proxyArp: "proxy_arp",
  acceptLocal: "accept_local",
  sourceValidMark: "src_valid_mark",
  sendRedirects: "send_redirects",
  arpIgnore: "arp_ignore",
  arpAnnounce: "arp_announce",
} as const satisfies Partial<Record<keyof LinkSettings, string>>;

type Either = "routeLocalnet" | "proxyArp" | "acceptLocal" | "sourceValidMark" | "sendRedirects";
type Larger = "arpIgnore" | "arpAnnounce";

/** IN_DEV_ORCONF: in force where either has it. */
export const either = (namespace: Namespace, link: ObservedLink, setting: Either): boolean =>
  link.settings?.[setting] === true || sysctl(namespace, `net.ipv4.conf.all.${KEYS[setting]}`) !== 0;

/** IN_DEV_MAXCONF: the larger is in force. */
export const larger = (namespace: Namespace, link: ObservedLink, setting: Larger): number =>
  Math.max(link.settings?.[setting] ?? 0, sysctl(namespace, `net.ipv4.conf.all.${KEYS[setting]}`));

export const ipv6Off = (namespace: Namespace, link: ObservedLink): boolean =>
  link.settings?.disableIpv6 ?? sysctl(namespace, "net.ipv6.conf.all.disable_ipv6") !== 0;
