/** The life of containers: who a reference means, and all that can be done with it. */
import { availableParallelism } from "node:os";
import type { Readable } from "node:stream";
import type { FilesystemChange } from "../image/types.ts";
import { conflict, failuresOf } from "../lib/errors.ts";
import type { ContainerID, ExecID, ImageID } from "../lib/ids.ts";
import { Turns } from "../lib/turns.ts";
import { create } from "./create.ts";
import { DEFAULT_SHM_SIZE } from "./defaults.ts";
import { readSeccompDefault } from "./engine-defaults.ts";
import type { Entry } from "./entry.ts";
import { Execs } from "./exec.ts";
import { readArchive, statPath, writeArchive } from "./files/archive.ts";
import { changes, commit, exportFiles } from "./files/commit.ts";
import { cancelRestart, startByUser } from "./lifecycle.ts";
import { checkDefaultLog, DEFAULT_LOG } from "./logs/options.ts";
import { VolumeClaims } from "./mounts/volume-claims.ts";
import { usersOf } from "./mounts/volumes.ts";
import { connect, disconnect, forceDisconnect } from "./network/connection.ts";
import { publish, unpublish } from "./network/publication.ts";
import { removeLink } from "./network/unlink.ts";
import { type ContainersOptions, type Context, containerEvent } from "./options.ts";
import type { LogEntry, LogOptions } from "./process/monitor-types.ts";
import { parseSignal, SIGTERM } from "./process/signals.ts";
import { prune } from "./prune.ts";
import { type Adopted, adoptAll, aliveOf, recover } from "./recovery.ts";
import { Registry } from "./registry.ts";
import { remove } from "./removal.ts";
import { rename } from "./rename.ts";
import { CompiledFilters } from "./spec/compiled-filters.ts";
import { readHostAbilities } from "./spec/host.ts";
import { stats } from "./stats.ts";
import { endRun, kill, pause, restart, type StopOptions, stop, unpause } from "./stop.ts";
import { attach, logs } from "./streams/attach.ts";
import { type Top, top } from "./top.ts";
import type {
  CommitOptions,
  Containers,
  ContainerView,
  CreateRequest,
  EndpointSettings,
  ExecRequest,
  ExecView,
  PathStat,
  PortMap,
  Session,
  SessionOptions,
  StatsSample,
  UpdateRequest,
  WaitCondition,
} from "./types.ts";
import { update } from "./update.ts";
import { listed, viewOf } from "./view.ts";
import type { Wait } from "./waiters.ts";

export type { ContainersOptions } from "./options.ts";

export function createContainers(options: ContainersOptions): Containers {
  return new ContainerRoom(options);
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

class ContainerRoom implements Containers {
  readonly #context: Context;
  readonly #execs: Execs;
  #adopted: Promise<Adopted> | undefined;
  #phase: "running" | "stopping" | "detached" = "running";

  constructor({ settings, host, ...rest }: ContainersOptions) {
    const defaultLog = settings.defaultLog ?? DEFAULT_LOG;
    checkDefaultLog(defaultLog);
    const driver = settings.cgroupDriver ?? "cgroupfs";
    const abilities = host ?? readHostAbilities();
    const { seccompProfile, ...engineDefaults } = settings.containerDefaults ?? {};
    const seccomp = readSeccompDefault(seccompProfile, abilities);
    this.#context = {
      ...rest,
      registry: new Registry(rest.store),
      claims: new VolumeClaims(),
      host: abilities,
      cgroups: {
        driver,
        parent: settings.cgroupParent ?? (driver === "systemd" ? "system.slice" : "/drawbridge"),
      },
      filters: new CompiledFilters(rest.execRoot),
      probes: new Turns(probesAtATime()),
      shmSize: settings.defaultShmSize ?? DEFAULT_SHM_SIZE,
      defaultLog,
      engineDefaults: { ...engineDefaults, ...(seccomp !== undefined && { seccomp }) },
      tell: (container, action, attributes) => rest.publish(containerEvent(container, action, attributes)),
      isStopping: () => this.#phase !== "running",
      isDetached: () => this.#phase === "detached",
    };
    this.#execs = new Execs(this.#context);
  }

  async alive(): Promise<ReadonlySet<ContainerID>> {
    return aliveOf(this.#context, await this.#adopt());
  }

  async start(): Promise<void> {
    await recover(this.#context, await this.#adopt());
  }

  /** The store is read once, whoever asks first. */
  #adopt(): Promise<Adopted> {
    this.#adopted ??= adoptAll(this.#context);
    return this.#adopted;
  }

  async stop({ stopAll, timeout }: { readonly stopAll: boolean; readonly timeout: number }): Promise<void> {
    this.#phase = "stopping";
    const entries = this.#context.registry.all();
    for (const entry of entries) cancelRestart(entry);
    const ends = stopAll ? entries.filter(({ active }) => active) : [];
    const results = await Promise.allSettled(ends.map((entry) => this.#end(entry, timeout)));
    // What is being done is done to its end, so that nothing is half-way when the engine lets go.
    await Promise.all(entries.map((entry) => entry.mutex.run(async () => {})));
    this.#phase = "detached";
    for (const { healthWatch, logRotation } of entries) {
      healthWatch?.end();
      logRotation?.end();
    }
    const errors = failuresOf(results);
    if (errors.length > 0) throw new AggregateError(errors, "stop the containers");
  }

  /** Not by its user: `unless-stopped` starts it with the next engine. */
  async #end(entry: Entry, timeout: number): Promise<void> {
    const { StopSignal, StopTimeout } = entry.container.config;
    const signal = StopSignal ? parseSignal(StopSignal) : SIGTERM;
    await endRun(this.#context, entry, signal, StopTimeout ?? timeout);
    this.#context.tell(entry.container, "stop");
  }

  #find(reference: string): Entry {
    return this.#context.registry.find(reference);
  }

  create(request: CreateRequest): ReturnType<Containers["create"]> {
    return create(this.#context, request);
  }

  list(): readonly ContainerView[] {
    return listed(this.#context);
  }

  inspect(reference: string): ContainerView {
    return viewOf(this.#context, this.#find(reference));
  }

  async sizes(reference: string): Promise<{ readonly writable: number; readonly total: number }> {
    return this.#context.images.layerUsage(this.#find(reference).container.id);
  }

  startContainer(reference: string): Promise<void> {
    return startByUser(this.#context, this.#find(reference));
  }

  stopContainer(reference: string, options: StopOptions): Promise<void> {
    return stop(this.#context, this.#find(reference), options);
  }

  restart(reference: string, options: StopOptions): Promise<void> {
    return restart(this.#context, this.#find(reference), options);
  }

  kill(reference: string, signal: string): Promise<void> {
    return kill(this.#context, this.#find(reference), signal, reference);
  }

  pause(reference: string): Promise<void> {
    return pause(this.#context, this.#find(reference));
  }

  unpause(reference: string): Promise<void> {
    return unpause(this.#context, this.#find(reference));
  }

  rename(reference: string, name: string): Promise<void> {
    return rename(this.#context, this.#find(reference), name);
  }

  async connect(reference: string, network: string, settings: EndpointSettings): Promise<void> {
    await connect(this.#context, this.#find(reference), network, settings);
  }

  async disconnect(reference: string, network: string, options: { readonly force: boolean }): Promise<void> {
    const entry = options.force ? this.#context.registry.lookUp(reference) : this.#find(reference);
    if (entry) await disconnect(this.#context, entry, network, options);
    else await forceDisconnect(this.#context, reference, network);
  }

  async publish(reference: string, ports: PortMap): Promise<void> {
    await publish(this.#context, this.#find(reference), ports);
  }

  async unpublish(reference: string, ports: PortMap): Promise<void> {
    await unpublish(this.#context, this.#find(reference), ports);
  }

  remove(
    reference: string,
    { force, volumes }: { readonly force: boolean; readonly volumes: boolean },
  ): Promise<void> {
    const entry = this.#find(reference);
    return remove(this.#context, entry, {
      force,
      volumes,
      kill: () =>
        kill(this.#context, entry, "KILL").catch((thrown: unknown) => {
          // It ended by itself in between.
          if (entry.active) throw thrown;
        }),
    });
  }

  usersOf(volume: string): readonly ContainerID[] {
    return usersOf(this.#context, volume);
  }

  removeLink(name: string): Promise<void> {
    return removeLink(this.#context.registry, name);
  }

  wait(reference: string, condition: WaitCondition): Wait {
    const { container, waiters, active } = this.#find(reference);
    const { status, exitCode, error } = container.state;
    if (condition === "not-running" && !active && status !== "restarting") {
      return {
        status: Promise.resolve({ code: exitCode, ...(error && { error }) }),
        cancel: () => {},
      };
    }
    return waiters.add(condition);
  }

  logs(reference: string, options: LogOptions): AsyncIterable<LogEntry> {
    return logs(this.#context, this.#find(reference), options);
  }

  async attach(reference: string, options: SessionOptions): Promise<Session> {
    return attach(this.#context, this.#find(reference), options);
  }

  async resize(reference: string, size: Size): Promise<void> {
    const { container, run, active } = this.#find(reference);
    if (!run || !active) throw conflict(`container ${container.id} is not running`);
    await run.supervised.resize(size);
    this.#context.tell(container, "resize", { height: String(size.rows), width: String(size.columns) });
  }

  update(reference: string, request: UpdateRequest): Promise<readonly string[]> {
    return update(this.#context, this.#find(reference), request);
  }

  async stats(reference: string): Promise<StatsSample | undefined> {
    return stats(this.#context, this.#find(reference));
  }

  async top(reference: string, words: readonly string[]): Promise<Top> {
    return top(this.#context, this.#find(reference), words);
  }

  changes(reference: string): Promise<readonly FilesystemChange[]> {
    return changes(this.#context, this.#find(reference));
  }

  export(reference: string): Promise<Readable> {
    return exportFiles(this.#context, this.#find(reference), reference);
  }

  commit(reference: string, options: CommitOptions): Promise<ImageID> {
    return commit(this.#context, this.#find(reference), options);
  }

  async statPath(reference: string, path: string): Promise<PathStat> {
    return statPath(this.#context, this.#find(reference), { container: reference, path });
  }

  async readArchive(reference: string, path: string): ReturnType<Containers["readArchive"]> {
    return readArchive(this.#context, this.#find(reference), { container: reference, path });
  }

  async writeArchive(
    reference: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir: boolean; readonly copyOwner: boolean },
  ): Promise<void> {
    await writeArchive(this.#context, this.#find(reference), { container: reference, path }, tar, options);
  }

  prune(candidates: readonly ContainerID[]): ReturnType<Containers["prune"]> {
    return prune(this.#context, candidates);
  }

  async createExec(reference: string, request: ExecRequest): Promise<ExecID> {
    return this.#execs.create(this.#find(reference), request, reference);
  }

  startExec(
    exec: string,
    options: { readonly detach: boolean; readonly consoleSize?: readonly [number, number] },
  ): Promise<Session | undefined> {
    return this.#execs.start(exec, options);
  }

  inspectExec(exec: string): ExecView {
    return this.#execs.inspect(exec);
  }

  resizeExec(exec: string, size: Size): Promise<void> {
    return this.#execs.resize(exec, size);
  }
}

/** Each is two processes for a moment: more than the machine's processors would only make all of them slower. */
const probesAtATime = (): number => 2 * Math.max(2, availableParallelism());
