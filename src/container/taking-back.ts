/** What an earlier engine did not come to the end of, taken back: nobody was told that it was done. */
import { asError } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import { isFrozen } from "../linux/cgroup/freezer.ts";
import { giveBackLimits } from "../linux/cgroup/limits.ts";
import type { Entry } from "./entry.ts";
import { watchHealth } from "./health/health.ts";
import type { Context } from "./options.ts";
import { over, readUnderway, type Underway } from "./record.ts";
import { cgroupOf } from "./stats.ts";

/** Of containers that have been taken over, or have ended. What can't be done is told to the log. */
export async function takeBackAll(context: Context): Promise<void> {
  for (const [id, begun] of await readUnderway(context.store)) {
    const entry = context.registry.get(id as ContainerID);
    try {
      if (entry) await entry.mutex.run(() => takeBack(context, entry, begun));
    } catch (thrown) {
      context.logger.error({ err: asError(thrown), container: id }, "taking back what was begun failed");
    }
  }
}

async function takeBack(context: Context, entry: Entry, begun: Partial<Underway>): Promise<void> {
  const { container, active } = entry;
  const { id, state } = container;
  const location = active ? cgroupOf(entry) : undefined;
  if (location && begun.limits) giveBackLimits(new Map(Object.entries(begun.limits)));
  const thaws = location !== undefined && begun.thaw === true;
  if (thaws && isFrozen(location)) await context.supervisor.resume(id);
  const change = thaws ? { state: { ...state, status: "running" as const } } : {};
  await context.registry.save(entry, change, [over(id, "thaw"), over(id, "limits")]);
  if (thaws && state.status === "paused") watchHealth(context, entry);
}
