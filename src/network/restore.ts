/** Endpoints of running containers that have lost their links: cut short by a crash while they came or went, or deleted. */
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { HostState } from "./driver.ts";
import { routesPlan, wayOut } from "./gateway.ts";
import type { FindNetwork } from "./ledger.ts";
import { attachPlan } from "./sandbox.ts";
import type { SandboxRecord } from "./state.ts";

/** Join them again, each by itself. One that can't be joined is told of, with what helps. */
export async function attachLost(
  { kernel, logger }: { readonly kernel: Kernel; readonly logger: Logger },
  records: readonly SandboxRecord[],
  networkOf: FindNetwork,
  { links }: HostState,
): Promise<void> {
  const names = new Set(links.map(({ name }) => name));
  for (const { sandbox, containerName } of records) {
    for (const endpoint of sandbox.mode === "own" ? sandbox.endpoints : []) {
      const { hostInterface, networkName } = endpoint;
      if (hostInterface === undefined || names.has(hostInterface)) continue;
      const what = `${containerName} had lost its link ${hostInterface} to network ${networkName}`;
      // The routes over it went with it.
      const families = ([4, 6] as const).filter((family) => wayOut(sandbox.endpoints, family) === endpoint);
      const routes = routesPlan(sandbox, [], [endpoint], families);
      try {
        await kernel.apply([...attachPlan(sandbox, endpoint, networkOf), ...routes]);
        logger.warn({ container: sandbox.container }, `${what}: joined again`);
      } catch (thrown) {
        logger.error({ container: sandbox.container }, `${what}: restart it: ${messageOf(thrown)}`);
      }
    }
  }
}
