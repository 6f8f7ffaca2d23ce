/** Signals: stop, kill, restart, pause. */
import { setTimeout as delay } from "node:timers/promises";
import { conflict, internal, unchanged } from "../lib/errors.ts";
import { undoing } from "../lib/undo.ts";
import type { Entry } from "./entry.ts";
import { endHealthWatch, watchHealth } from "./health/health.ts";
import { cancelRestart, startByUser } from "./lifecycle.ts";
import type { Context } from "./options.ts";
import { parseSignal, SIGKILL, SIGTERM } from "./process/signals.ts";
import { over, underway } from "./record.ts";
import { orTell, saveIfPossible } from "./save.ts";
import type { State } from "./types.ts";

export interface StopOptions {
  /** Seconds; below zero for ever. */
  readonly timeout?: number;
  readonly signal?: string;
}

/** Docker's. Seconds. */
const DEFAULT_TIMEOUT = 10;

/** How long the kernel may take to end a process by SIGKILL. Seconds. */
const KILL_TIMEOUT = 10;

/** @throws unchanged where it does not run; invalid signal; internal where it outlives SIGKILL */
export async function stop(context: Context, entry: Entry, options: StopOptions): Promise<void> {
  const signal = options.signal ? parseSignal(options.signal) : stopSignalOf(entry);
  if (await giveUpRestart(context, entry)) return context.tell(entry.container, "stop");
  const run = entry.run;
  if (!run || !entry.active) throw unchanged("container is already stopped");
  await saveIfPossible(context, entry, { stoppedByUser: true });
  await endRun(
    context,
    entry,
    signal,
    options.timeout ?? entry.container.config.StopTimeout ?? DEFAULT_TIMEOUT,
  );
  context.tell(entry.container, "stop");
}

const stopSignalOf = ({ container }: Entry): number =>
  container.config.StopSignal ? parseSignal(container.config.StopSignal) : SIGTERM;

/** The signal, then SIGKILL after `seconds`; resolves once its end has been dealt with. @throws internal */
export async function endRun(context: Context, entry: Entry, signal: number, seconds: number): Promise<void> {
  const run = entry.run;
  if (!run) return;
  await send(context, entry, signal);
  if (seconds < 0) return run.settled;
  if (await settles(run.settled, seconds)) return;
  await send(context, entry, SIGKILL);
  if (!(await settles(run.settled, KILL_TIMEOUT))) {
    throw internal(
      `cannot stop container: ${entry.container.id}: tried to kill container, but did not receive an exit event`,
    );
  }
}

async function settles(settled: Promise<void>, seconds: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(seconds * 1000, false, { signal: timer.signal }).catch(() => false);
  const result = await Promise.race([settled.then(() => true), late]);
  timer.abort();
  return result;
}

/** A frozen process takes no signal: it is thawed by one that is to end it. */
async function send(context: Context, entry: Entry, signal: number): Promise<void> {
  if (!entry.run?.supervised.signal(signal)) return;
  context.tell(entry.container, "kill", { signal: String(signal) });
  if (entry.container.state.status !== "paused") return;
  if (signal !== SIGKILL && signal !== stopSignalOf(entry)) return;
  await entry.mutex.run(async () => {
    if (entry.container.state.status !== "paused") return;
    await thaw(context, entry);
  });
}

/** Noted first, as far as that can be: should the engine end meanwhile, the next one thaws it. @throws RuntimeError */
async function thaw(context: Context, entry: Entry): Promise<void> {
  const { id } = entry.container;
  await orTell(context, entry, context.store.commit([underway(id, "thaw", true)]));
  try {
    await context.supervisor.resume(id);
  } catch (thrown) {
    await orTell(context, entry, context.store.commit([over(id, "thaw")]));
    throw thrown;
  }
  const state: State = { ...entry.container.state, status: "running" };
  await saveIfPossible(context, entry, { state }, [over(id, "thaw")]);
  watchHealth(context, entry);
}

/** Between two runs there is nothing to signal: the next one is called off. @returns whether there was one */
async function giveUpRestart(context: Context, entry: Entry): Promise<boolean> {
  if (entry.container.state.status !== "restarting") return false;
  return entry.mutex.run(async () => {
    if (!cancelRestart(entry)) return false;
    const { state } = entry.container;
    await context.registry.save(entry, { stoppedByUser: true, state: { ...state, status: "exited" } });
    entry.waiters.exited({ code: state.exitCode });
    return true;
  });
}

/** @param reference as its user called it. @throws conflict where it does not run; invalid signal */
export async function kill(context: Context, entry: Entry, name: string, reference?: string): Promise<void> {
  const signal = name === "" ? SIGKILL : parseSignal(name);
  if (await giveUpRestart(context, entry)) return;
  const { run, container } = entry;
  if (!run || !entry.active) {
    const called = reference ?? container.name;
    throw conflict(`cannot kill container: ${called}: container ${container.id} is not running`);
  }
  // Other signals are messages to the process: if it ends by one, that was its own doing.
  if (signal === SIGKILL || signal === stopSignalOf(entry)) {
    await saveIfPossible(context, entry, { stoppedByUser: true });
  }
  if (signal === SIGKILL) await endRun(context, entry, SIGKILL, KILL_TIMEOUT);
  else await send(context, entry, signal);
}

/** Stopped where it runs, and started. @throws as stop and start */
export async function restart(context: Context, entry: Entry, options: StopOptions): Promise<void> {
  entry.restarting = true;
  try {
    if (entry.active || entry.container.state.status === "restarting") {
      await stop(context, entry, options).catch((thrown: unknown) => {
        // It ended by itself in between.
        if (entry.active) throw thrown;
      });
      await entry.run?.settled;
    }
    await startByUser(context, entry);
  } finally {
    entry.restarting = false;
  }
  context.tell(entry.container, "restart");
}

/**
 * @param passing it is thawed before anybody is answered: should the engine end meanwhile, by the next one
 * @throws conflict where it does not run, or is paused already
 */
export function pause(context: Context, entry: Entry, { passing = false } = {}): Promise<void> {
  return entry.mutex.run(async () => {
    const { id, state } = entry.container;
    if (state.status === "restarting") {
      throw conflict(`Container ${id} is restarting, wait until the container is running`);
    }
    if (!entry.active) throw conflict(`container ${id} is not running`);
    if (state.status === "paused") throw conflict(`Container ${id} is already paused`);
    const health = endHealthWatch(entry);
    await undoing(async (undo) => {
      undo.push("watch its health again", () => {
        context.registry.setState(entry, state);
        watchHealth(context, entry);
      });
      await context.store.commit([underway(id, "thaw", true)]);
      undo.push("forget the pause", () => context.store.commit([over(id, "thaw")]));
      await context.supervisor.pause(id);
      undo.push("thaw it", () => context.supervisor.resume(id));
      const paused: State = { ...state, ...health, status: "paused" };
      await context.registry.save(entry, { state: paused }, passing ? [] : [over(id, "thaw")]);
    });
    context.tell(entry.container, "pause");
  });
}

/** @throws internal where it is not paused: Docker's status for it is 500 */
export function unpause(context: Context, entry: Entry): Promise<void> {
  return entry.mutex.run(async () => {
    const { id, state } = entry.container;
    if (state.status !== "paused") throw internal(`Container ${id} is not paused`);
    await thaw(context, entry);
    context.tell(entry.container, "unpause");
  });
}
