/** What stands in the kernel for no container: of those that have ended, and what no record tells of. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { NetnsPath, Plan } from "../../linux/plan.ts";
import { drivers } from "../drivers.ts";
import type { HostState } from "../host-state.ts";
import type { NetworksOptions } from "../options.ts";
import { linksOf, netnsDirectory, unpinPlan } from "../sandbox/plan.ts";
import { dropSandbox, type SandboxRecord } from "../state.ts";
import type { Network } from "../types.ts";

/** Take away what is left of sandboxes whose containers ended while nobody looked. */
export async function sweepDead(
  { kernel, store }: Pick<NetworksOptions, "kernel" | "store">,
  dead: readonly SandboxRecord[],
): Promise<void> {
  if (dead.length === 0) return;
  await kernel.deleteLinks(dead.flatMap(({ sandbox }) => linksOf(sandbox)));
  await kernel.dismantle(dead.flatMap(({ sandbox }) => unpinPlan(sandbox)));
  await store.commit(dead.map(({ sandbox }) => dropSandbox(sandbox.container)));
}

/**
 * What no record tells of, since it was lost or damaged: links of ours on our bridges, whose addresses will be given
 * to others, and pins.
 */
export async function sweepStray(
  { kernel, logger, execRoot }: Pick<NetworksOptions, "kernel" | "logger" | "execRoot">,
  networks: readonly Network[],
  records: readonly SandboxRecord[],
  facts: HostState,
): Promise<void> {
  const known = new Set(records.flatMap(({ sandbox }) => linksOf(sandbox)));
  const links = networks
    .flatMap((network) => drivers[network.driver].portsOf(network, facts))
    .filter((name) => !known.has(name));
  const pins = new Set(records.map(({ sandbox }) => sandbox.key));
  const stray = readdirSync(netnsDirectory(execRoot))
    .filter((name) => /^[0-9a-f]{12}$/.test(name))
    .map((name) => join(netnsDirectory(execRoot), name) as NetnsPath)
    .filter((path) => !pins.has(path));
  if (links.length + stray.length === 0) return;
  const plan: Plan = stray.map((path) => ({ do: "remove-netns", path }));
  await kernel.deleteLinks(links);
  await kernel.dismantle(plan);
  logger.warn({ links, namespaces: stray }, "removed what no sandbox on record has");
}
