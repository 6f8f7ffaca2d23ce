/** Ports that open and close while a sandbox is open. */
import { messageOf } from "../../lib/errors.ts";
import { undoing } from "../../lib/undo.ts";
import { portSteps } from "../firewall-state.ts";
import type { Entry } from "../ledger.ts";
import type { Context } from "../options.ts";
import { recordChange } from "../state.ts";
import type { PublishRequest, Sandbox } from "../types.ts";
import { bindingsNamed, cutConnections, forgetConnections, lead, publishMore } from "./publication.ts";

/** @throws as `Networks.publish`; then nothing has changed */
export async function publish(
  context: Context,
  entry: Entry,
  requests: readonly PublishRequest[],
): Promise<Sandbox> {
  const before = entry.record;
  return undoing(async (undo) => {
    const { record: after, bindings, lease } = await publishMore(context, before, requests);
    if (lease) undo.push("take host ports", () => lease.release());
    await recordChange(context.store, before, after, undo);
    await context.apply(portSteps(before.sandbox, after.sandbox, bindings, context.ledger.networkOf));
    entry.record = after;
    if (lease) entry.leases = [...entry.leases, lease];
    lead(context, entry);
    // Beside the answer: a look through all tracked connections takes longer than all the rest.
    forgetConnections(context, bindings).catch((thrown: unknown) =>
      context.logger.warn({ container: after.sandbox.container }, messageOf(thrown)),
    );
    return after.sandbox;
  });
}

/** @throws not-found, AggregateError; then they are open as before, but for what went through them */
export async function unpublish(
  context: Context,
  entry: Entry,
  requests: readonly PublishRequest[],
): Promise<Sandbox> {
  const before = entry.record;
  const closed = bindingsNamed(before.sandbox, requests);
  const gone = new Set(closed);
  const ports = before.sandbox.ports.filter((binding) => !gone.has(binding));
  const after = { ...before, sandbox: { ...before.sandbox, ports } };
  const { networkOf } = context.ledger;
  return undoing(async (undo) => {
    await recordChange(context.store, before, after, undo);
    await context.kernel.dismantle(portSteps(before.sandbox, after.sandbox, closed, networkOf));
    undo.push("close them", async () => {
      await context.apply(portSteps(after.sandbox, before.sandbox, closed, networkOf));
    });
    await cutConnections(context, before.sandbox, closed);
    await Promise.all(entry.leases.map((lease) => lease.release(closed)));
    entry.leases = entry.leases.filter(({ bindings }) => bindings.length > 0);
    entry.record = after;
    return after.sandbox;
  });
}
