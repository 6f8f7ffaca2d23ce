/** Forwarding: turned on where it is off, without making a router of the host by accident. */
import type { Family } from "../lib/ip.ts";
import type { Logger } from "../lib/log.ts";
import { bootId } from "../linux/host.ts";
import type { Kernel, Link } from "../linux/kernel.ts";
import type { Step } from "../linux/plan.ts";
import { sysctlComponent } from "../linux/sysctl.ts";
import type { Store } from "../store/kv.ts";
import { isDrawbridges } from "./bridge/link.ts";
import type { Elements } from "./firewall/elements.ts";
import { KERNEL_HAS_IPV6 } from "./kernel-ipv6.ts";
import { loadSysctl, type SysctlRecord } from "./state.ts";

/** `all.forwarding` of IPv6 is what ip_forward is of IPv4 (Documentation/networking/ip-sysctl.rst). */
export const FORWARDING = { 4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding" } as const;

const acceptRa = (link: string): string => `net.ipv6.conf.${sysctlComponent(link)}.accept_ra`;

export interface ForwardingFacts {
  readonly family: Family;
  /** `0` or `1`. */
  readonly current: string;
  /** What an earlier start changed. */
  readonly record: SysctlRecord | undefined;
  /** Of this boot (random(4), boot_id). */
  readonly boot: string;
  /**
   * Links of the host that take router advertisements at accept_ra=1: an IPv6 host that forwards stops taking them,
   * unless it is 2.
   */
  readonly uplinks: readonly string[];
}

export interface Forwarding {
  /** The host did not forward before the engine: other links must not start to, so theirs is dropped. */
  readonly closed: boolean;
  readonly plan: readonly Step[];
  /** What to remember, by sysctl. */
  readonly records: ReadonlyMap<string, SysctlRecord>;
}

const UNCHANGED: Forwarding = { closed: false, plan: [], records: new Map() };

/** An administrator's own setting is never closed; a record of an earlier boot is not about this one. */
export function forwarding(
  { family, current, record, boot, uplinks }: ForwardingFacts,
  settings: { readonly ipForward: boolean; readonly ipForwardNoDrop: boolean },
  wanted = true,
): Forwarding {
  const key = FORWARDING[family];
  const closed = !settings.ipForwardNoDrop;
  if (current !== "0") {
    if (record?.boot !== boot) return UNCHANGED;
    return { closed, plan: [], records: new Map([[key, record]]) };
  }
  if (!settings.ipForward || !wanted) return UNCHANGED;
  const set = (name: string, value: string): Step => ({ do: "set-sysctl", key: name, value });
  return {
    closed,
    plan: [...uplinks.map((link) => set(acceptRa(link), "2")), set(key, "1")],
    records: new Map([
      ...uplinks.map((link) => [acceptRa(link), { before: "1", boot }] as const),
      [key, { before: current, boot }],
    ]),
  };
}

/** Protocols that are forwarded for our bridges alone. */
export const unroutedElements = (closed: { readonly [family in Family]: boolean }): Elements => ({
  unrouted: [
    ...(closed[4] ? [[{ nfproto: "ipv4" } as const]] : []),
    ...(closed[6] ? [[{ nfproto: "ipv6" } as const]] : []),
  ],
});

/** @param links the host's own, that may lead to routers */
export async function readForwarding(
  { kernel, store }: { readonly kernel: Kernel; readonly store: Store },
  family: Family,
  links: readonly Link[],
): Promise<ForwardingFacts> {
  const key = FORWARDING[family];
  const has = family === 4 || KERNEL_HAS_IPV6;
  const uplinks: string[] = [];
  for (const link of family === 6 && has ? links : []) {
    const { name, loopback, master } = link;
    if (loopback || master !== undefined || isDrawbridges(link)) continue;
    if ((await kernel.readSysctl(acceptRa(name))) === "1") uplinks.push(name);
  }
  return {
    family,
    // Without IPv6 in the kernel there is nothing to turn on.
    current: has ? await kernel.readSysctl(key) : "1",
    record: await loadSysctl(store, key),
    boot: bootId(),
    uplinks,
  };
}

/** That the engine turned it on. */
export function tellOfForwarding(family: Family, { closed, plan }: Forwarding, logger: Logger): void {
  if (plan.length > 0) {
    logger.info(
      {},
      `turned ${FORWARDING[family]} on${closed ? "; between links that are not ours, nothing is forwarded" : ""}`,
    );
  }
}
