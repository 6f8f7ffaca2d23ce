/** Links of running containers that are not whole: off their bridge, deleted, or cut short by a crash as they came or went. */
import { messageOf } from "../../lib/errors.ts";
import { drivers } from "../drivers.ts";
import type { HostState } from "../host-state.ts";
import type { FindNetwork } from "../ledger.ts";
import type { NetworksOptions } from "../options.ts";
import { settleRoutes } from "../sandbox/gateway.ts";
import { attachPlan, detachPlan } from "../sandbox/plan.ts";
import { putSandbox, type SandboxRecord } from "../state.ts";
import type { Endpoint, Network } from "../types.ts";

type Options = Pick<NetworksOptions, "kernel" | "store" | "logger">;

/** Bridges that had to be made anew get their ports back. @returns whether any had lost some */
export async function rejoin(
  { kernel, logger }: Pick<Options, "kernel" | "logger">,
  networks: readonly Network[],
  records: readonly SandboxRecord[],
  facts: HostState,
): Promise<boolean> {
  const endpoints = records.flatMap(({ sandbox }) => sandbox.endpoints);
  let any = false;
  for (const network of networks) {
    const own = endpoints.filter((endpoint) => endpoint.network === network.id);
    const plan = drivers[network.driver].rejoin(network, own, facts);
    if (plan.length === 0) continue;
    await kernel.apply(plan);
    any = true;
    logger.warn(
      { links: plan.length },
      `network ${network.name} had lost links of its containers: joined again`,
    );
  }
  return any;
}

/**
 * Endpoints whose link is half made or gone are joined again, each by itself. One that can't be joined is told of, with what helps.
 * @returns the records, of which none is joining any more
 */
export async function attachLost(
  options: Options,
  records: readonly SandboxRecord[],
  networkOf: FindNetwork,
  { links }: HostState,
): Promise<readonly SandboxRecord[]> {
  const names = new Set(links.map(({ name }) => name));
  const joined: SandboxRecord[] = [];
  for (const record of records) {
    const { sandbox, joining } = record;
    const lost = sandbox.endpoints.filter(
      ({ id, hostInterface }) => id === joining || (hostInterface !== undefined && !names.has(hostInterface)),
    );
    for (const endpoint of sandbox.mode === "own" ? lost : []) {
      await attachAnew(options, record, endpoint, networkOf);
    }
    joined.push(joining === undefined ? record : await settled(options, record));
  }
  return joined;
}

async function attachAnew(
  { kernel, logger }: Options,
  { sandbox, containerName }: SandboxRecord,
  endpoint: Endpoint,
  networkOf: FindNetwork,
): Promise<void> {
  const { hostInterface, interfaceName, networkName } = endpoint;
  const what = `${containerName} had lost its link ${hostInterface ?? interfaceName} to network ${networkName}`;
  try {
    if (hostInterface !== undefined) await kernel.deleteLinks([hostInterface]);
    await kernel.dismantle(detachPlan(sandbox, endpoint, networkOf));
    await kernel.apply(attachPlan(sandbox, endpoint, networkOf));
    // Those over it went with it; others may have taken their place already.
    await kernel.apply(settleRoutes(sandbox, await kernel.routes(sandbox.key)));
    logger.warn({ container: sandbox.container }, `${what}: joined again`);
  } catch (thrown) {
    logger.error({ container: sandbox.container }, `${what}: restart it: ${messageOf(thrown)}`);
  }
}

async function settled({ store }: Options, { joining: _, ...record }: SandboxRecord): Promise<SandboxRecord> {
  await store.commit([putSandbox(record)]);
  return record;
}
