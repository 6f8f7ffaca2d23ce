/** Starts processes under monitors, and finds them again: conmon and the OCI runtime as the engine sees them. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { asError } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { Logger } from "../../lib/log.ts";
import { undoing } from "../../lib/undo.ts";
import { KernelError } from "../../linux/ffi.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { Reactor } from "../../linux/reactor.ts";
import { SeqpacketSocket } from "../../linux/seqpacket.ts";
import type { Child } from "../../linux/spawn.ts";
import { runtimeRootOf } from "../paths.ts";
import { type StdinMode, Streams } from "../streams/streams.ts";
import type { OutputLimits } from "../streams/tap.ts";
import { clearExit } from "./exit.ts";
import { keepsStdin, runMonitor, socketsOf } from "./monitor.ts";
import type {
  MonitorRecord,
  MonitorRequest,
  Probe,
  ProbeRequest,
  Supervised,
  Supervisor,
} from "./monitor-types.ts";
import { endLeftProbe, runProbe } from "./probe.ts";
import { requireProgram } from "./programs.ts";
import { existsWithin } from "./refusal.ts";
import { Runtime, versionOf } from "./runtime.ts";
import { identify, MonitoredProcess } from "./supervised.ts";

export interface SupervisorOptions {
  /** EXEC_ROOT: the runtime keeps its state in `runtime` under it. */
  readonly execRoot: string;
  readonly logger: Logger;
  /** A runtime's name or path; else DRAWBRIDGE_RUNTIME; else crun, or runc where crun won't run. */
  readonly runtime?: string;
  /** Have systemd make the cgroups. */
  readonly systemdCgroup?: boolean;
  /** Whose thread waits for streams and ends; one of its own by default. */
  readonly reactor?: Reactor;
  /** How much output is kept for a slow client: 1 MiB in memory, 64 MiB in all, 30 s, in the system's temporary directory. */
  readonly output?: Partial<OutputLimits>;
}

/** @throws unavailable where a program is missing, with the command that installs it */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const conmon = requireProgram(process.env.DRAWBRIDGE_MONITOR ?? "conmon");
  const wanted = options.runtime ?? process.env.DRAWBRIDGE_RUNTIME;
  const root = runtimeRootOf(options);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const { logger, systemdCgroup = false } = options;
  return undoing(async (undo) => {
    const reactor =
      options.reactor ??
      new Reactor((error) => logger.error({ err: asError(error) }, "a stream of a container failed"));
    if (!options.reactor) undo.push("close the reactor", () => reactor.close());
    const [runtime, monitorVersion] = await Promise.all([
      Runtime.choose({ ...(wanted ? { runtime: wanted } : {}), root, systemdCgroup, logger, reactor }),
      versionOf(reactor, conmon),
    ]);
    return new ConmonSupervisor(conmon, monitorVersion, runtime, reactor, options);
  });
}

/** How long a monitor may take to pass on what its process left when it ended. Milliseconds. */
const LAST_WORDS = 1000;

class ConmonSupervisor implements Supervisor {
  readonly runtime: Runtime;
  readonly monitorVersion: string;
  readonly #conmon: string;
  readonly #reactor: Reactor;
  readonly #ownsReactor: boolean;
  readonly #limits: OutputLimits;
  readonly #processes = new Set<MonitoredProcess>();
  readonly #monitors = new Set<Child>();

  constructor(
    conmon: string,
    monitorVersion: string,
    runtime: Runtime,
    reactor: Reactor,
    options: SupervisorOptions,
  ) {
    this.#conmon = conmon;
    this.monitorVersion = monitorVersion;
    this.runtime = runtime;
    this.#limits = {
      memory: 1 << 20,
      waiting: 64 << 20,
      patience: 30_000,
      directory: tmpdir(),
      ...options.output,
    };
    this.#ownsReactor = options.reactor === undefined;
    this.#reactor = reactor;
  }

  create(request: MonitorRequest): Promise<Supervised> {
    return undoing(async (undo) => {
      undo.push("remove what the run left", () => removeTraces(request));
      undo.push("delete the container from the runtime", () => this.runtime.delete(request.container));
      return this.#run(request, () => executableInBundle(request.bundle));
    });
  }

  start(container: ContainerID): Promise<void> {
    return this.runtime.start(container);
  }

  /** It runs already: who attaches in the same turn of the event loop misses nothing, since sockets are read in later ones. */
  exec(request: MonitorRequest): Promise<Supervised> {
    return undoing(async (undo) => {
      undo.push("remove what the run left", () => removeTraces(request));
      return this.#run(request, () => this.#executableInContainer(request.container, request.exec?.process));
    });
  }

  probe(request: ProbeRequest): Probe {
    return runProbe(this.#reactor, this.runtime.command, request, () =>
      this.#executableInContainer(request.container, request.process),
    );
  }

  endProbe({ container, directory }: Pick<ProbeRequest, "container" | "directory">): void {
    const owner = this.#mainOf(container);
    if (owner) endLeftProbe(directory, owner.record.process.pid);
  }

  async adopt(request: MonitorRequest, record: MonitorRecord): Promise<Supervised> {
    const monitor = Pidfd.open(record.monitor.pid, record.monitor.startTime);
    const socket = monitor ? reconnect(request) : undefined;
    monitor?.close();
    // Our predecessor's end was the end of an input that is to be closed with its client.
    const mode = keepsStdin(request) ? stdinMode(request) : "none";
    const supervised = this.#supervise(request, record, socket, mode);
    // Of one that has just ended, the monitor is about to tell how: then it is known before anybody asks.
    if (supervised.hasEnded)
      await Promise.race([supervised.exited, sleep(LAST_WORDS, undefined, { ref: false })]);
    return supervised;
  }

  pause(container: ContainerID): Promise<void> {
    return this.runtime.pause(container);
  }

  resume(container: ContainerID): Promise<void> {
    return this.runtime.resume(container);
  }

  update(container: ContainerID, resources: string): Promise<void> {
    return this.runtime.update(container, resources);
  }

  delete(container: ContainerID): Promise<void> {
    return this.runtime.delete(container);
  }

  forget(container: ContainerID): Promise<void> {
    return this.runtime.forget(container);
  }

  async close(): Promise<void> {
    for (const supervised of this.#processes) supervised.close();
    this.#processes.clear();
    for (const monitor of this.#monitors) monitor.release();
    if (this.#ownsReactor) await this.#reactor.close();
  }

  async #run(request: MonitorRequest, executableExists: () => boolean): Promise<Supervised> {
    clearExit(request.directory);
    const { pid, monitor, socket } = await runMonitor(
      this.#reactor,
      this.#conmon,
      this.runtime,
      request,
      executableExists,
    );
    this.#monitors.add(monitor);
    void monitor.ended.then(() => this.#monitors.delete(monitor));
    const record = {
      process: identify(pid, monitor.pid),
      monitor: identify(monitor.pid),
      directory: request.directory,
    };
    return this.#supervise(request, record, socket, stdinMode(request));
  }

  #supervise(
    request: MonitorRequest,
    record: MonitorRecord,
    socket: SeqpacketSocket | undefined,
    stdin: StdinMode,
  ): MonitoredProcess {
    const streams = socket && new Streams(this.#reactor, socket, stdin, this.#limits);
    const supervised = new MonitoredProcess(request, record, this.#reactor, streams, (ended) =>
      this.#processes.delete(ended),
    );
    this.#processes.add(supervised);
    return supervised;
  }

  #mainOf(container: ContainerID): MonitoredProcess | undefined {
    return [...this.#processes].find((each) => each.isMainOf(container));
  }

  #executableInContainer(container: ContainerID, process: object | undefined): boolean {
    const path = (process as { args?: readonly string[] } | undefined)?.args?.[0];
    const owner = this.#mainOf(container);
    if (!owner || !path?.includes("/")) return true;
    return existsWithin(`/proc/${owner.record.process.pid}/root`, path);
  }
}

function stdinMode(request: MonitorRequest): StdinMode {
  if (!request.openStdin) return "none";
  return keepsStdin(request) ? "kept" : "once";
}

/** The monitor may end between being seen and being called: then there is nothing to connect to. */
function reconnect(request: MonitorRequest): SeqpacketSocket | undefined {
  try {
    return SeqpacketSocket.connect(join(socketsOf(request), "attach"));
  } catch (thrown) {
    if (thrown instanceof KernelError && ["ENOENT", "ECONNREFUSED"].includes(thrown.code)) return undefined;
    throw thrown;
  }
}

/** Whether the file that the bundle wants to run is in its root file system. A bare name is looked up by the runtime. */
function executableInBundle(bundle: string): boolean {
  const { root, process } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
    readonly root?: { readonly path?: string };
    readonly process?: { readonly args?: readonly string[] };
  };
  const path = process?.args?.[0];
  if (!root?.path || !path?.includes("/")) return true;
  return existsWithin(isAbsolute(root.path) ? root.path : join(bundle, root.path), path);
}

/** What conmon made: sockets, fifos, pid files. The run's own directory is emptied. */
function removeTraces(request: MonitorRequest): void {
  for (const name of ["attach", "ctl", "winsz"]) rmSync(join(socketsOf(request), name), { force: true });
  for (const name of readdirSync(request.directory)) {
    rmSync(join(request.directory, name), { recursive: true, force: true });
  }
}
