/** A container's start and end, and what happens at its end: network and mounts go, it is removed, or starts again. */
import { rm } from "node:fs/promises";
import { asError, conflict, messageOf, unavailable, unchanged } from "../lib/errors.ts";
import type { Entry, Run } from "./entry.ts";
import { endHealthWatch, watchHealth } from "./health/health.ts";
import { logLimitsOf } from "./logs/options.ts";
import { LogRotation } from "./logs/rotation.ts";
import { dropVolumes, tellUnmounted } from "./mounts/sources.ts";
import type { Context } from "./options.ts";
import { logPathOf } from "./paths.ts";
import type { ExitStatus, Supervised } from "./process/monitor-types.ts";
import { removeCgroups, removeEmptyCgroups } from "./process/strays.ts";
import { removeStopped, unmountRoot } from "./removal.ts";
import { restartDelay } from "./restart-policy.ts";
import { orTell, saveIfPossible } from "./save.ts";
import { cgroupsPathOf } from "./spec/spec.ts";
import { startProcess } from "./start.ts";
import { startFailure } from "./start-failure.ts";

/** A user's start. @throws unchanged, conflict, RuntimeError; whatever network and image say */
export function startByUser(context: Context, entry: Entry): Promise<void> {
  return entry.mutex.run(async () => {
    checkStartable(context, entry);
    cancelRestart(entry);
    entry.restartDelay = 0;
    entry.container = { ...entry.container, restartCount: 0, stoppedByUser: false };
    await start(context, entry);
  });
}

function checkStartable(context: Context, entry: Entry): void {
  if (context.isStopping()) throw unavailable("the engine is stopping");
  const { status } = entry.container.state;
  if (status === "paused") throw conflict("cannot start a paused container, try unpause instead");
  if (status === "running") throw unchanged("container is already running");
  if (status === "removing" || status === "dead" || context.registry.get(entry.container.id) !== entry) {
    throw conflict("container is marked for removal and cannot be started");
  }
}

/** With the mutex held. */
async function start(context: Context, entry: Entry): Promise<void> {
  const { supervised, bundle } = await startProcess(context, entry, (process) => {
    for (const session of entry.arrivals) session.bind(process);
    entry.arrivals.clear();
  }).catch((thrown: unknown) => startFailed(context, entry, thrown));
  entry.restarting = false;
  watch(context, entry, supervised, bundle);
  context.tell(entry.container, "start");
}

/** It stays what it was, `created` or `exited`, and says why. */
async function startFailed(context: Context, entry: Entry, thrown: unknown): Promise<never> {
  const { state } = entry.container;
  const { error, exitCode: code } = startFailure(thrown, entry.container.path);
  // What the last run ended with stays where the failure has no code of its own.
  const exitCode = code === 128 && state.exitCode !== 0 ? state.exitCode : code;
  entry.restarting = false;
  for (const session of entry.arrivals) session.abandon();
  entry.arrivals.clear();
  const status = state.status === "restarting" ? "exited" : state.status;
  await saveIfPossible(context, entry, {
    state: { ...state, status, pid: 0, exitCode, error: messageOf(error) },
  });
  if (state.status === "restarting") entry.waiters.exited({ code: exitCode, error: messageOf(error) });
  if (entry.container.hostConfig.AutoRemove) await removeQuietly(context, entry);
  throw error;
}

/** From now on its end is dealt with. Not before the mutex is free: a start is whole before its end counts. */
export function watch(context: Context, entry: Entry, supervised: Supervised, bundle: string): void {
  const settled = supervised.exited.then((status) =>
    entry.mutex
      .run(() => ended(context, entry, run, status))
      .catch((thrown: unknown) =>
        context.logger.error(
          { err: asError(thrown), container: entry.container.id },
          "dealing with its end failed",
        ),
      ),
  );
  const run: Run = { supervised, bundle, settled };
  entry.run = run;
  watchHealth(context, entry);
  rotateLog(context, entry, supervised);
}

function rotateLog(context: Context, entry: Entry, supervised: Supervised): void {
  const { id, hostConfig } = entry.container;
  const limits = logLimitsOf(hostConfig.LogConfig);
  if (!limits) return;
  const rotation = new LogRotation({
    path: logPathOf(context, id),
    limits,
    reopen: () => supervised.reopenLog(),
    logger: context.logger,
  });
  supervised.onOutput(() => rotation.wrote());
  entry.logRotation = rotation;
}

async function ended(context: Context, entry: Entry, run: Run, status: ExitStatus): Promise<void> {
  // An engine that lets go hears no more of processes: the next one finds how this one ended.
  if (entry.run !== run || context.isDetached()) return;
  entry.logRotation?.end();
  const { state, restartCount, stoppedByUser, hostConfig } = entry.container;
  const ran = Math.max(0, Date.parse(status.finishedAt) - Date.parse(state.startedAt));
  const delay =
    entry.restarting || entry.settling || context.isStopping()
      ? undefined
      : restartDelay(hostConfig.RestartPolicy, {
          exitCode: status.code,
          ran,
          restartCount,
          stoppedByUser,
          lastDelay: entry.restartDelay,
        });
  // The monitor's record stays until all is taken down: an engine that dies in between finishes it.
  await saveIfPossible(context, entry, {
    restartCount: delay === undefined ? restartCount : restartCount + 1,
    state: {
      ...state,
      ...endHealthWatch(entry),
      status: delay === undefined ? "exited" : "restarting",
      pid: 0,
      exitCode: status.code,
      oomKilled: status.oomKilled,
      // The file's time is the clock's last tick: a short run would have ended before it began.
      finishedAt: ran > 0 ? status.finishedAt : state.startedAt,
    },
  });
  if (status.oomKilled) context.tell(entry.container, "oom");
  context.tell(entry.container, "die", {
    exitCode: String(status.code),
    execDuration: String(Math.floor(ran / 1000)),
  });
  await takeDown(context, entry, run.bundle);
  tellUnmounted(context, entry.container);
  entry.run = undefined;
  dropUnstarted(entry);
  if (delay !== undefined) restartLater(context, entry, delay);
  const removes = hostConfig.AutoRemove && !entry.restarting;
  entry.waiters.exited({ code: status.code });
  if (removes) await removeQuietly(context, entry);
}

/** Execs that never began belong to the run that is over: in the next one they are unknown. */
function dropUnstarted({ execs }: Entry): void {
  for (const [id, { running, exitCode }] of execs) if (!running && exitCode === null) execs.delete(id);
}

/** All that a run had, at the same time; past failures, which are told to the log: a later start or removal meets them. */
export async function takeDown(context: Context, entry: Entry, bundle: string): Promise<void> {
  const { id } = entry.container;
  const parts: readonly (readonly [string, Promise<void>])[] = [
    ["close the sandbox", context.networks.closeSandbox(id)],
    ["unmount the root filesystem", unmountRoot(context, id)],
    ["unmount the volumes", dropVolumes(context, entry.container)],
    ["delete the process", deleteProcess(context, entry)],
    ["remove the bundle", rm(bundle, { recursive: true, force: true })],
  ];
  const results = await Promise.allSettled(parts.map(([, done]) => done));
  const failures = results.flatMap((result, index) =>
    result.status === "rejected" ? [`${parts[index]?.[0]}: ${messageOf(result.reason)}`] : [],
  );
  if (failures.length > 0) {
    context.logger.error({ container: id, failures }, "a container's end left something behind");
  } else if (entry.container.monitor) {
    await orTell(context, entry, context.registry.forgetRun(entry));
  }
}

/** Of one that ended by itself only cgroups and a directory are left: no need to run the runtime for that. */
async function deleteProcess({ supervisor, cgroups }: Context, { container }: Entry): Promise<void> {
  if (cgroups.driver === "systemd") return supervisor.delete(container.id);
  const path = cgroupsPathOf(container, cgroups);
  if (removeEmptyCgroups(path)) return supervisor.forget(container.id);
  // With the host's processes about it, or cgroups of its own making, something may live on.
  await supervisor.delete(container.id);
  await removeCgroups(path);
}

async function removeQuietly(context: Context, entry: Entry): Promise<void> {
  try {
    await removeStopped(context, entry, { volumes: true });
  } catch (thrown) {
    context.logger.error({ err: asError(thrown), container: entry.container.id }, "automatic removal failed");
  }
}

function restartLater(context: Context, entry: Entry, delay: number): void {
  entry.restartDelay = delay;
  entry.restart = setTimeout(() => {
    void entry.mutex
      .run(async () => {
        if (entry.restart === undefined || context.isStopping()) return;
        entry.restart = undefined;
        await start(context, entry);
      })
      .catch((thrown: unknown) =>
        context.logger.warn({ err: asError(thrown), container: entry.container.id }, "restart failed"),
      );
  }, delay);
}

/** @returns whether there was one to come */
export function cancelRestart(entry: Entry): boolean {
  const pending = entry.restart !== undefined;
  clearTimeout(entry.restart);
  entry.restart = undefined;
  return pending;
}

/** By policy, at the engine's start. Failures are recorded with the container and told to the log. */
export function startByPolicy(context: Context, entry: Entry): Promise<void> {
  return entry.mutex.run(async () => {
    if (entry.active || context.isStopping()) return;
    try {
      await start(context, entry);
    } catch (thrown) {
      context.logger.warn({ err: asError(thrown), container: entry.container.id }, "start by policy failed");
    }
  });
}
