/** A container's network namespace: what is done to the kernel to make it and to take it down. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type SandboxID, shortId } from "../lib/ids.ts";
import type { NetnsPath, Plan, Step } from "../linux/plan.ts";
import { drivers } from "./drivers.ts";
import { type Elements, mergeElements, toSetElements } from "./firewall/elements.ts";
import type { Endpoint, Network, Sandbox } from "./types.ts";

export const netnsDirectory = (execRoot: string): string => join(execRoot, "netns");

export const netnsPath = (execRoot: string, id: SandboxID): NetnsPath =>
  join(netnsDirectory(execRoot), shortId(id)) as NetnsPath;

/** Where the host's own namespace is pinned, for those who share it. */
export const hostNetnsPath = (execRoot: string): NetnsPath =>
  join(netnsDirectory(execRoot), "default") as NetnsPath;

/**
 * Docker's, for a namespace that belongs to one container: ports below 1024 and ICMP sockets are free to
 * all in it, and without IPv6 on its networks there is none (CVE-2024-32473). `all` is copied to `default`
 * and to every interface (net/ipv6/addrconf.c, addrconf_disable_ipv6).
 */
const SYSCTLS: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0\t2147483647",
  // A kernel without IPv6 has nothing to turn off.
  ...(existsSync("/proc/sys/net/ipv6") && { "net.ipv6.conf.all.disable_ipv6": "1" }),
};

export type FindNetwork = (endpoint: Endpoint) => Network;

/** What stands in the firewall for a sandbox's endpoints. */
export const sandboxElements = (sandbox: Sandbox, networkOf: FindNetwork): Elements =>
  mergeElements(
    sandbox.endpoints.map((endpoint) => {
      const network = networkOf(endpoint);
      return drivers[network.driver].endpointElements(network, endpoint);
    }),
  );

/**
 * The sandbox, whole. The firewall knows its addresses before its links are there; the user's own sysctls
 * come last, when the interfaces that they may name are.
 */
export function openPlan(
  sandbox: Sandbox,
  networkOf: FindNetwork,
  sysctls: Readonly<Record<string, string>>,
): Plan {
  const asked = Object.entries(sysctls).map(([key, value]) => sysctl(sandbox, key, value));
  if (sandbox.mode !== "own") return asked;
  return [
    ...openFirewallPlan(sandbox, networkOf),
    { do: "add-netns", path: sandbox.key, sysctls: SYSCTLS },
    ...sandbox.endpoints.flatMap((endpoint) => {
      const network = networkOf(endpoint);
      return drivers[network.driver].attach(network, endpoint, sandbox.key);
    }),
    ...asked,
  ];
}

const sysctl = ({ key: netns }: Sandbox, key: string, value: string): Step => ({
  do: "set-sysctl",
  netns,
  key,
  value,
});

/** Both are empty where its endpoints have nothing in the firewall. */
const openFirewallPlan = (sandbox: Sandbox, networkOf: FindNetwork): Plan =>
  elementsStep("add-elements", sandbox, networkOf);
export const closeFirewallPlan = (sandbox: Sandbox, networkOf: FindNetwork): Plan =>
  elementsStep("delete-elements", sandbox, networkOf);

function elementsStep(
  what: "add-elements" | "delete-elements",
  sandbox: Sandbox,
  networkOf: FindNetwork,
): Plan {
  const elements = toSetElements(sandboxElements(sandbox, networkOf));
  const about = `${what === "add-elements" ? "add" : "delete"} firewall elements of ${linksOf(sandbox).join(", ")}`;
  return elements.length > 0 ? [{ do: what, about, elements }] : [];
}

/** The host's ends of its pairs. */
export const linksOf = (sandbox: Sandbox): readonly string[] =>
  sandbox.mode === "own" ? sandbox.endpoints.flatMap(({ hostInterface }) => hostInterface ?? []) : [];

/** Unpin the namespace, where it is the sandbox's own. */
export const unpinPlan = (sandbox: Sandbox): Plan =>
  sandbox.mode === "own" ? [{ do: "remove-netns", path: sandbox.key }] : [];
