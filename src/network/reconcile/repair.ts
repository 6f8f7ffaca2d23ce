/** While the engine runs: what others took away of the networks is put back where it is missed. */
import { KernelError } from "../../linux/ffi.ts";
import { describe } from "../../linux/plan.ts";
import { drivers } from "../drivers.ts";
import { tableRef } from "../firewall/elements.ts";
import { loadRules } from "../firewall/rules.ts";
import { allElements } from "../firewall-state.ts";
import { readHostState } from "../host-state.ts";
import type { NetworksOptions } from "../options.ts";
import { ensureAdminTable } from "./admin-table.ts";
import { rejoin } from "./restore.ts";
import type { Reconciled } from "./start.ts";

/** Whether a plan failed for want of what it stands on: no bridge to join, no set for its elements. */
export const missesGround = (thrown: unknown): boolean =>
  thrown instanceof KernelError && ["ENODEV", "ENOENT"].includes(thrown.code);

/**
 * Rules first, as at the start; then bridges, and the links of running containers on them.
 * @returns whether anything was amiss
 * @throws KernelError, and what nft says
 */
export async function repair(
  options: Pick<NetworksOptions, "kernel" | "logger">,
  { networks, unusable, records, closed }: Omit<Reconciled, "ula">,
  { rules }: { readonly rules: "missing" | "all" },
): Promise<boolean> {
  const { kernel, logger } = options;
  const tables = await kernel.nft("list tables");
  await ensureAdminTable(kernel, tables);
  const missing = (["inet", "guard"] as const)
    .map(tableRef)
    .filter((table) => !tables.includes(`table ${table}\n`));
  const reload = missing.length > 0 || rules === "all";
  if (reload) {
    await kernel.nft(loadRules(allElements({ networks, records, closed })));
    logger.warn(
      { tables: missing, sandboxes: records.length },
      "the firewall's tables had been deleted or changed: loaded anew",
    );
  }
  const facts = await readHostState(kernel);
  const plan = networks
    .filter(({ id, configOnly }) => !configOnly && !unusable.has(id))
    .flatMap((network) => drivers[network.driver].ensure(network, facts));
  if (plan.length > 0) {
    await kernel.apply(plan);
    logger.warn({ done: plan.map(describe) }, "a network's link had been deleted or changed: set right");
  }
  const rejoined = await rejoin(options, networks, records, facts);
  return reload || plan.length > 0 || rejoined;
}
