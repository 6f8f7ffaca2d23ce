/** A sandbox's end: past failures, which are told together. */
import { failuresOf, messageOf, throwAll } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import { elementSteps, sandboxElements } from "../firewall-state.ts";
import type { Context, Followers } from "../options.ts";
import { dropSandbox } from "../state.ts";
import type { Sandbox } from "../types.ts";
import { linksOf, unpinPlan } from "./plan.ts";
import { forgetConnections } from "./publication.ts";

/** @throws AggregateError */
export async function closeSandbox(
  context: Context,
  { names, links }: Followers,
  container: ContainerID,
): Promise<void> {
  const { ledger, store, logger } = context;
  const entry = ledger.entries.get(container);
  if (!entry) return;
  entry.phase = "closing";
  const { sandbox } = entry.record;
  for (const lease of entry.leases) lease.lead(undefined);
  const outcomes = await Promise.allSettled([names.close(sandbox), takeDown(context, sandbox)]);
  outcomes.push(
    ...(await Promise.allSettled([
      ...entry.leases.map((lease) => lease.release()),
      forgetConnections(context, sandbox.ports, sandbox.endpoints),
    ])),
  );
  throwAll(`close sandbox ${sandbox.key}`, failuresOf(outcomes));
  // It is gone, whether or not that can be recorded: a record too many is dropped by the next start.
  ledger.entries.delete(container);
  try {
    await store.commit([dropSandbox(container)]);
  } catch (thrown) {
    logger.error({ container }, `forget the sandbox: ${messageOf(thrown)}`);
  }
  context.tell("disconnect", sandbox);
  await links.follow(container);
}

/** Past failures. The guard of a port stands until the port is gone: others may share the namespace, or it can't be deleted. */
export async function takeDown({ kernel, ledger }: Context, sandbox: Sandbox): Promise<void> {
  const links = linksOf(sandbox);
  const unpin = unpinPlan(sandbox);
  const firewall = elementSteps(
    links.length > 0 ? links.join(", ") : sandbox.container,
    sandboxElements(sandbox, ledger.networkOf),
    {},
  );
  const [unplugged, ...outcomes] = await Promise.allSettled([
    links.length > 0 ? kernel.deleteLinks(links) : undefined,
    unpin.length > 0 ? kernel.dismantle(unpin) : undefined,
  ]);
  outcomes.push(unplugged);
  if (firewall.length > 0 && unplugged.status === "fulfilled")
    outcomes.push(...(await Promise.allSettled([kernel.dismantle(firewall)])));
  throwAll(`close sandbox ${sandbox.key}`, failuresOf(outcomes));
}
