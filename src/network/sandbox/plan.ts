/** A container's network namespace: what is done to the kernel to make it and to take it down. */
import { join } from "node:path";
import { type SandboxID, shortId } from "../../lib/ids.ts";
import type { NetnsPath, Plan } from "../../linux/plan.ts";
import { RESOLVER_REWRITES } from "../dns/rules.ts";
import { drivers } from "../drivers.ts";
import { speaksIpv6 } from "../interface.ts";
import { KERNEL_HAS_IPV6 } from "../kernel-ipv6.ts";
import type { FindNetwork } from "../ledger.ts";
import type { Endpoint, Sandbox } from "../types.ts";
import { routesPlan } from "./gateway.ts";

export const netnsDirectory = (execRoot: string): string => join(execRoot, "netns");

export const netnsPath = (execRoot: string, id: SandboxID): NetnsPath =>
  join(netnsDirectory(execRoot), shortId(id)) as NetnsPath;

/** Where the host's own namespace is pinned, for those who share it. */
export const hostNetnsPath = (execRoot: string): NetnsPath =>
  join(netnsDirectory(execRoot), "default") as NetnsPath;

/** Docker's, for a namespace that belongs to one container: ports below 1024 and ICMP sockets are free to all in it. */
const SYSCTLS: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0\t2147483647",
};

/**
 * Without IPv6 on its networks there is none in it (CVE-2024-32473): `all` is copied to `default` and to every
 * interface (net/ipv6/addrconf.c, addrconf_disable_ipv6). With it on one of them, interfaces are born without,
 * and those that shall have it are given it.
 */
function bornWith(endpoints: readonly Endpoint[]): Readonly<Record<string, string>> {
  if (!KERNEL_HAS_IPV6) return SYSCTLS;
  const which = hasIpv6(endpoints) ? "default" : "all";
  return { ...SYSCTLS, [`net.ipv6.conf.${which}.disable_ipv6`]: "1" };
}

export const hasIpv6 = (endpoints: readonly Endpoint[]): boolean => endpoints.some(speaksIpv6);

/** The namespace with its interfaces and the way out; the user's own sysctls come last, when interfaces that they may name are there. */
export function openPlan(
  sandbox: Sandbox,
  networkOf: FindNetwork,
  sysctls: Readonly<Record<string, string>>,
): Plan {
  const { key: netns, endpoints } = sandbox;
  const asked = Object.entries(sysctls).map(
    ([key, value]) => ({ do: "set-sysctl", netns, key, value }) as const,
  );
  if (sandbox.mode !== "own") return asked;
  return [
    // The way to the resolver is there in every sandbox: one may join a network that has it at any time.
    { do: "add-netns", path: netns, sysctls: bornWith(endpoints), rewrites: RESOLVER_REWRITES },
    ...endpoints.flatMap((endpoint) => attachPlan(sandbox, endpoint, networkOf)),
    ...routesPlan(sandbox, [], endpoints),
    ...asked,
  ];
}

export const attachPlan = ({ key }: Sandbox, endpoint: Endpoint, networkOf: FindNetwork): Plan => {
  const network = networkOf(endpoint);
  return drivers[network.driver].attach(network, endpoint, key);
};

/** Set by the first endpoint with IPv6, and not gone with it. */
export const LOOPBACK_IPV6 = "net.ipv6.conf.lo.disable_ipv6";

/** One endpoint more, in a sandbox that is open; routes aside. */
export function connectPlan(before: Sandbox, after: Sandbox, networkOf: FindNetwork): Plan {
  const { key: netns } = after;
  const joined = after.endpoints.filter(({ id }) => !before.endpoints.some((endpoint) => endpoint.id === id));
  const first = hasIpv6(joined) && !hasIpv6(before.endpoints);
  return [
    ...(first ? [{ do: "set-sysctl", netns, key: LOOPBACK_IPV6, value: "0" } as const] : []),
    ...joined.flatMap((endpoint) => attachPlan(after, endpoint, networkOf)),
  ];
}

/** What of an endpoint does not go with its host's end. */
export function detachPlan({ key }: Sandbox, endpoint: Endpoint, networkOf: FindNetwork): Plan {
  const network = networkOf(endpoint);
  return drivers[network.driver].detach(network, endpoint, key);
}

/** The host's ends of its pairs. */
export const linksOf = (sandbox: Sandbox): readonly string[] =>
  sandbox.mode === "own" ? sandbox.endpoints.flatMap(({ hostInterface }) => hostInterface ?? []) : [];

/** Unpin the namespace, where it is the sandbox's own. */
export const unpinPlan = (sandbox: Sandbox): Plan =>
  sandbox.mode === "own" ? [{ do: "remove-netns", path: sandbox.key }] : [];
