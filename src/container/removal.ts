/** A container's removal. */
import { rm } from "node:fs/promises";
import { asError, conflict, inContext, kindOf, messageOf } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Entry } from "./entry.ts";
import { releaseShm } from "./mounts/shm.ts";
import { dropVolumes } from "./mounts/sources.ts";
import { removeAnonymous } from "./mounts/volumes.ts";
import type { Context } from "./options.ts";
import { directoryOf, runtimeDirectoryOf } from "./paths.ts";
import { saveIfPossible } from "./save.ts";

/**
 * Layer, files, record, name: with the mutex held, of a container that does not run. It is marked first, so
 * that the next engine finishes what this one could not.
 * @throws what could not be removed; the container is `dead` then, and can be removed again
 */
export async function removeStopped(
  context: Context,
  entry: Entry,
  options: { readonly volumes: boolean },
): Promise<void> {
  const { registry } = context;
  const { id, state } = entry.container;
  const last = { code: state.exitCode };
  // On a full disk it goes unmarked: it is removals that make room.
  await saveIfPossible(context, entry, { state: { ...state, status: "removing" } });
  try {
    await Promise.all([
      removeFilesystem(context, entry),
      rm(directoryOf(context, id), { recursive: true, force: true }),
      rm(runtimeDirectoryOf(context, id), { recursive: true, force: true }),
    ]);
    await registry.delete(entry);
  } catch (thrown) {
    const error = inContext(`unable to remove filesystem of container ${id}`, thrown);
    await saveIfPossible(context, entry, { state: { ...state, status: "dead", error: error.message } });
    entry.waiters.removalFailed({ code: last.code, error: messageOf(error) });
    throw error;
  }
  for (const session of entry.arrivals) session.abandon();
  if (options.volumes) await removeVolumes(context, entry);
  context.tell(entry.container, "destroy");
  entry.waiters.removed(last);
}

/** It is gone all the same where one of them stays. */
async function removeVolumes(context: Context, { container }: Entry): Promise<void> {
  try {
    await removeAnonymous(context, container);
  } catch (thrown) {
    context.logger.error(
      { err: asError(thrown), container: container.id },
      "its volumes could not be removed",
    );
  }
}

/** And its shm. One that is gone, or whose description is damaged, is mounted no more. */
export async function unmountRoot(context: Context, id: ContainerID): Promise<void> {
  releaseShm(context, id);
  try {
    await context.images.unmount(id);
  } catch (thrown) {
    if (kindOf(thrown) !== "not-found") throw thrown;
  }
}

async function removeFilesystem(context: Context, entry: Entry): Promise<void> {
  const { id, monitor } = entry.container;
  // A run whose end left something behind: once more.
  if (monitor) {
    await Promise.all([
      context.supervisor.delete(id),
      context.networks.closeSandbox(id),
      unmountRoot(context, id),
      dropVolumes(context, entry.container),
    ]);
  }
  releaseShm(context, id);
  await context.images.removeLayer(id);
}

/** @throws conflict where it runs and not `force`, or is being removed already, in Docker's words */
export async function remove(
  context: Context,
  entry: Entry,
  options: { readonly force: boolean; readonly volumes: boolean; readonly kill: () => Promise<void> },
): Promise<void> {
  const { id, name } = entry.container;
  if (entry.removing) throw conflict(`removal of container ${name} is already in progress`);
  entry.removing = true;
  try {
    for (let gone = false; !gone; ) {
      if (entry.active || entry.container.state.status === "restarting") {
        if (!options.force) throw conflict(refusal(entry));
        await options.kill();
      }
      gone = await entry.mutex.run(async () => {
        if (context.registry.get(id) !== entry) return true;
        // Somebody started it while we waited.
        if (entry.active || entry.container.state.status === "restarting") return false;
        await removeStopped(context, entry, options);
        return true;
      });
    }
  } finally {
    entry.removing = false;
  }
}

function refusal({ container }: Entry): string {
  const { status } = container.state;
  const advice =
    status === "paused"
      ? "container is paused and must be unpaused first"
      : `container is ${status}: stop the container before removing or force remove`;
  return `cannot remove container "/${container.name}": ${advice}`;
}
