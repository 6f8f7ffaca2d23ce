/** Containers that stopped removed together (Docker API, "Delete stopped containers"). */
import { messageOf } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Context } from "./options.ts";
import { remove } from "./removal.ts";

/** Running, paused, or about to run again. */
const ALIVE: ReadonlySet<string> = new Set(["running", "paused", "restarting"]);

/**
 * One that starts or goes meanwhile is left alone, one that can't be removed is told to the log.
 * @returns ids, and bytes that they had written
 */
export async function prune(
  context: Context,
  candidates: readonly ContainerID[],
): Promise<{ readonly deleted: readonly ContainerID[]; readonly reclaimed: number }> {
  const deleted: ContainerID[] = [];
  let reclaimed = 0;
  for (const id of candidates) {
    const entry = context.registry.get(id);
    if (!entry || entry.removing || ALIVE.has(entry.container.state.status)) continue;
    try {
      const { writable } = await context.images.layerUsage(id);
      await remove(context, entry, { force: false, volumes: false, kill: async () => {} });
      reclaimed += writable;
      deleted.push(id);
    } catch (thrown) {
      context.logger.warn({ container: id, error: messageOf(thrown) }, "a container can't be pruned");
    }
  }
  context.publish({
    type: "container",
    action: "prune",
    actor: { id: "", attributes: { reclaimed: String(reclaimed) } },
  });
  return { deleted, reclaimed };
}
