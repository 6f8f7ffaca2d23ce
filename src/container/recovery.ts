/** Containers of an earlier engine: taken over where they run, settled where they ended, finished where they were half-done. */

import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { asError } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import type { ContainerID } from "../lib/ids.ts";
import { namesIn } from "../lib/names-in.ts";
import { wasStarted } from "./create.ts";
import { Entry } from "./entry.ts";
import { sweepViews } from "./files/assemble.ts";
import { startByPolicy, takeDown, watch } from "./lifecycle.ts";
import { clearPlaces } from "./mounts/places.ts";
import { keepVolumes } from "./mounts/sources.ts";
import { removeHalfMade } from "./mounts/volumes.ts";
import { agree } from "./network/agreement.ts";
import { legacyLinksOf } from "./network/links.ts";
import type { Context } from "./options.ts";
import {
  bundleOfMonitor,
  directoryOf,
  healthDirectoryOf,
  runtimeDirectoryOf,
  runtimeRootOf,
} from "./paths.ts";
import type { Supervised } from "./process/monitor-types.ts";
import { endStrays } from "./process/strays.ts";
import { readContainers, recordedIds } from "./record.ts";
import type { Registry } from "./registry.ts";
import { removeStopped, unmountRoot } from "./removal.ts";
import { restartsWithEngine } from "./restart-policy.ts";
import { containerOfMode } from "./spec/namespaces.ts";
import { monitorRequestOf } from "./start.ts";
import { takeBackAll } from "./taking-back.ts";
import type { Container } from "./types.ts";

/** What ended with the machine, or whose monitor was lost: nobody knows how. */
const UNKNOWN = 255;

/** Processes that may still be there, by their container. */
export type Adopted = ReadonlyMap<ContainerID, Supervised>;

/** Read the store and look for what it tells of. After a reboot nothing of it runs, whatever has its pid. */
export async function adoptAll(context: Context): Promise<Adopted> {
  const containers = (await readContainers(context.store)).toSorted((a, b) =>
    a.created < b.created ? -1 : 1,
  );
  for (const container of containers) context.registry.adopt(new Entry(container));
  const adopted = await Promise.all(
    containers.flatMap((container) => {
      const { monitor, bootId, id } = container;
      if (!monitor || bootId !== context.host.bootId) return [];
      const request = monitorRequestOf(context, container, bundleOfMonitor(monitor.directory));
      return [context.supervisor.adopt(request, monitor).then((process) => [id, process] as const)];
    }),
  );
  return new Map(adopted);
}

const isActive = ({ state }: Container): boolean => state.status === "running" || state.status === "paused";

/** Those whose start was whole and whose process is alive. */
export async function aliveOf(context: Context, adopted: Adopted): Promise<ReadonlySet<ContainerID>> {
  const alive = await Promise.all(
    [...adopted].map(async ([id, supervised]) => {
      const entry = context.registry.get(id);
      return entry && isActive(entry.container) && !(await isSettled(supervised)) ? [id] : [];
    }),
  );
  return new Set(alive.flat());
}

async function isSettled(supervised: Supervised): Promise<boolean> {
  const later = new Promise<false>((resolve) => setImmediate(resolve, false));
  return Promise.race([supervised.exited.then(() => true), later]);
}

/** Bring every container to a state that is true, then start those that are to be started with the engine. */
export async function recover(context: Context, adopted: Adopted): Promise<void> {
  mkdirSync(join(context.dataRoot, "containers"), { recursive: true, mode: 0o710 });
  mkdirSync(join(context.execRoot, "containers"), { recursive: true, mode: 0o711 });
  const entries = context.registry.all();
  const idle = entries.filter(({ active }) => !active).map(({ container }) => container.id);
  await endStrays(runtimeRootOf(context), new Set(idle));
  clearPlaces(context.execRoot);
  sweepViews(context.execRoot);
  // Somebody may have been looking at its files when the last engine went.
  await Promise.all(idle.map((id) => unmountRoot(context, id)));
  // Before any ends are dealt with: a volume goes with the last that has it.
  const running = entries.filter((entry) => isActive(entry.container) && adopted.has(entry.container.id));
  await Promise.all(running.map(({ container }) => keepVolumes(context, container)));
  await Promise.all([
    ...entries.map((entry) => settle(context, entry, adopted.get(entry.container.id))),
    removeOrphans(context),
  ]);
  await takeBackAll(context);
  const waiting = context.registry.all().filter((entry) => isToStart(entry));
  for (const group of inOrder(waiting, context.registry)) {
    await Promise.all(group.map((entry) => startByPolicy(context, entry)));
  }
}

/** Those that join another's namespaces, or link to it, come after it; those in a circle at last, all together. */
function inOrder(waiting: readonly Entry[], registry: Registry): readonly (readonly Entry[])[] {
  if (waiting.length === 0) return [];
  const isFree = (entry: Entry) =>
    neededBy(entry.container, registry).every((other) => !waiting.includes(other));
  const free = waiting.filter(isFree);
  if (free.length === 0) return [waiting];
  return [
    free,
    ...inOrder(
      waiting.filter((entry) => !free.includes(entry)),
      registry,
    ),
  ];
}

const neededBy = (container: Container, registry: Registry): readonly Entry[] => [
  ...[container.hostConfig.NetworkMode, container.hostConfig.PidMode].flatMap((mode) => {
    const reference = containerOfMode(mode);
    return (reference === undefined ? undefined : registry.lookUp(reference)) ?? [];
  }),
  ...legacyLinksOf(container, registry).map(({ target }) => target),
];

function isToStart({ container, active, restart }: Entry): boolean {
  const { state, hostConfig, restartCount, stoppedByUser } = container;
  if (active || restart || !wasStarted(state) || state.status === "removing" || state.status === "dead")
    return false;
  const last = { exitCode: state.exitCode, restartCount, stoppedByUser };
  return state.status === "restarting" || restartsWithEngine(hostConfig.RestartPolicy, last);
}

async function settle(context: Context, entry: Entry, supervised: Supervised | undefined): Promise<void> {
  const { container } = entry;
  entry.settling = true;
  try {
    await forgetExecs(context, container.id);
    if (container.state.status === "removing")
      await entry.mutex.run(() =>
        removeStopped(context, entry, { volumes: container.hostConfig.AutoRemove }),
      );
    else if (isActive(container)) await takeOver(context, entry, supervised);
    else await clearHalfDone(context, entry, supervised);
  } catch (thrown) {
    context.logger.error({ err: asError(thrown), container: container.id }, "taking over a container failed");
  } finally {
    entry.settling = false;
  }
}

async function takeOver(context: Context, entry: Entry, supervised: Supervised | undefined): Promise<void> {
  const { monitor, id } = entry.container;
  if (supervised && monitor) {
    const bundle = bundleOfMonitor(monitor.directory);
    context.supervisor.endProbe({ container: id, directory: healthDirectoryOf(bundle) });
    watch(context, entry, supervised, bundle);
    // One that ended meanwhile is settled before anybody asks.
    if (await isSettled(supervised)) await entry.run?.settled;
    else await agree(context, entry);
    return;
  }
  const lost = Promise.resolve({ code: UNKNOWN, finishedAt: formatTime(nowNanoseconds()), oomKilled: false });
  watch(context, entry, lostProcess(entry.container, lost), runtimeDirectoryOf(context, id));
  await entry.run?.settled;
}

/** Stands for a process that went with the machine. */
function lostProcess({ monitor }: Container, exited: Supervised["exited"]): Supervised {
  const nobody = { pid: 0, startTime: "0" };
  return {
    record: monitor ?? { process: nobody, monitor: nobody, directory: "" },
    exited,
    attach: () => {
      throw new Error("there is no process");
    },
    resize: async () => {},
    onOutput: () => {},
    reopenLog: () => false,
    signal: () => false,
  };
}

/**
 * A start, or a take-down, that the engine's end cut short: nobody was told of it, so it is undone. A start may not
 * even be on record, so this is done for all that don't run.
 */
async function clearHalfDone(
  context: Context,
  entry: Entry,
  supervised: Supervised | undefined,
): Promise<void> {
  supervised?.signal(9);
  await entry.mutex.run(async () => {
    // Of a container that does not run, all that belongs to running it goes.
    await takeDown(context, entry, runtimeDirectoryOf(context, entry.container.id));
  });
}

/** Execs are not found again: their clients are gone. What runs in the container goes on until it ends. */
async function forgetExecs(context: Context, id: ContainerID): Promise<void> {
  const directory = runtimeDirectoryOf(context, id);
  const left = namesIn(directory).filter((name) => name.startsWith("exec-"));
  await Promise.all(left.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

/** Directories and layers without a record: a creation that was cut short. */
async function removeOrphans(context: Context): Promise<void> {
  const found = new Set([...namesIn(join(context.dataRoot, "containers")), ...context.images.layerOwners()]);
  const recorded = await recordedIds(context.store);
  const orphans = [...found].filter(
    (name) => /^[0-9a-f]{64}$/.test(name) && !recorded.has(name),
  ) as ContainerID[];
  for (const id of orphans) {
    try {
      await removeHalfMade(context, id);
      await context.images.removeLayer(id);
      await rm(runtimeDirectoryOf(context, id), { recursive: true, force: true });
      await rm(directoryOf(context, id), { recursive: true, force: true });
    } catch (thrown) {
      context.logger.error({ err: asError(thrown), container: id }, "removing a half-made container failed");
    }
  }
}
