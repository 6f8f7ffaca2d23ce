/**
 * Between the life of a container (lifecycle, exec) and the programs that run it: conmon, which outlives the
 * engine, and the OCI runtime.
 */
import type { ContainerID, ExecID } from "../../lib/ids.ts";

/** A process that can't be mistaken for a later one with its pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat (clock ticks since boot), as text. */
  readonly startTime: string;
}

export interface ExitStatus {
  /** 128 + signal for a process that a signal ended. */
  readonly code: number;
  /** RFC 3339, nine digits. */
  readonly finishedAt: string;
  readonly oomKilled: boolean;
}

/** What a monitor is asked to run. */
export interface MonitorRequest {
  readonly container: ContainerID;
  /** Present for an exec. */
  readonly exec?: { readonly id: ExecID /** OCI process object. */; readonly process: object };
  /** Directory with config.json. */
  readonly bundle: string;
  /** An empty directory of this run's own, under EXEC_ROOT: pid files, exit file, sockets. */
  readonly directory: string;
  /** The log that conmon writes; absent for none. */
  readonly logPath?: string;
  readonly terminal: boolean;
  /** Keep standard input open (`-i`). */
  readonly openStdin: boolean;
  /** Close it after the first attached client goes. */
  readonly stdinOnce: boolean;
}

/** What is written to the store, so that a process is found again by the next engine. */
export interface MonitorRecord {
  readonly process: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  readonly directory: string;
}

/** A piece of a process's output, in order. With a terminal all is `stdout`. */
export interface OutputFrame {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** One client's view of a process's streams. */
export interface Attachment {
  /** Ends when the process has ended and all it wrote was delivered, or after `close`. */
  readonly output: AsyncIterable<OutputFrame>;
  /** Resolves when the process's side has taken it: back-pressure. No effect once it has ended. */
  write(data: Uint8Array): Promise<void>;
  /** The client's input is at its end: half-close. With `stdinOnce` the process sees end of file. */
  endInput(): Promise<void>;
  /** The client has gone. */
  close(): void;
}

/** A process under a monitor. */
export interface Supervised {
  readonly record: MonitorRecord;
  /** Resolves once the monitor has told it and all output has been read. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  attach(options: AttachOptions): Attachment;
  /** Columns and rows; nothing to do without a terminal. @throws conflict where the process has ended */
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Have `listener` called when it has written, after that is in its log. One at a time; undefined for none. */
  onOutput(listener: (() => void) | undefined): void;
  /** Have the monitor close its log and open it anew, by its name. @returns false where the monitor has gone */
  reopenLog(): boolean;
  /** By number, race-free (pidfd). @returns false where the process had ended */
  signal(number: number): boolean;
}

/** A command in a running container of which only its exit code and the begin of its output matter: a health check. */
export interface ProbeRequest {
  readonly container: ContainerID;
  /** OCI process object, without a terminal. */
  readonly process: object;
  /** A directory of this container's probes alone. */
  readonly directory: string;
  /** Milliseconds from when it runs until it is killed. */
  readonly timeout: number;
}

export interface ProbeOutcome {
  readonly exitCode: number;
  /** The first 4,096 bytes of both streams; `...` after them where there was more. */
  readonly output: string;
  /** It was killed. */
  readonly timedOut: boolean;
}

export interface Probe {
  /** @throws RuntimeError where it could not be started */
  readonly ended: Promise<ProbeOutcome>;
  /** Nobody wants to know any more. */
  kill(): void;
}

/** Why a runtime would not run it, in the words that clients look for. */
export type RuntimeRefusal =
  | "not-found" // no such executable or working directory: Docker's 127
  | "not-executable" // Docker's 126
  | "other";

export interface Supervisor {
  /** Which runtime was chosen (crun, or runc where crun won't run here), and their versions. */
  readonly runtime: { readonly name: string; readonly path: string; readonly version: string };
  readonly monitorVersion: string;
  /**
   * The container's process, made and waiting before its first instruction; its streams can be attached.
   * On failure nothing is left: no process, no cgroup, no runtime state.
   * @throws RuntimeError (an EngineError with a `refusal`)
   */
  create(request: MonitorRequest): Promise<Supervised>;
  /** Let it run. @throws RuntimeError */
  start(container: ContainerID): Promise<void>;
  /** A further process in a running container, running on return. @throws RuntimeError */
  exec(request: MonitorRequest): Promise<Supervised>;
  /** A short one, with neither log nor attach nor a monitor of its own. */
  probe(request: ProbeRequest): Probe;
  /** End one that an earlier engine left in this container. No failure where there is none. */
  endProbe(request: Pick<ProbeRequest, "container" | "directory">): void;
  /**
   * Find a process again after the engine's restart, by pid and start time: still running, or ended meanwhile
   * (then `exited` is settled already, from the exit file; code 255 where a reboot or a killed monitor left none).
   */
  adopt(request: MonitorRequest, record: MonitorRecord): Promise<Supervised>;
  pause(container: ContainerID): Promise<void>;
  resume(container: ContainerID): Promise<void>;
  /** Give a running container other limits: `resources` is a file of the OCI spec's `linux.resources`. @throws RuntimeError */
  update(container: ContainerID, resources: string): Promise<void>;
  /** Remove what the runtime keeps of a container: cgroup, state, any process left. No failure where nothing is left. */
  delete(container: ContainerID): Promise<void>;
  /** Forget one that has ended, and whose cgroups are gone: all that `delete` would do is done. */
  forget(container: ContainerID): Promise<void>;
  /** Let go of all descriptors; processes and their monitors go on. */
  close(): Promise<void>;
}

/** One line (or part of one) of a container's log. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339, nine digits. */
  readonly time: string;
  /** With its newline, where it had one. */
  readonly data: Uint8Array;
  /** What the log's options say of the container: labels, variables, a tag. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The last so many lines. */
  readonly tail?: number;
  /** Nanoseconds since 1970, inclusive. */
  readonly since?: bigint;
  readonly until?: bigint;
  /** The reader has gone: a follow ends at once. (An iterator's `return` waits for the line it is waiting for.) */
  readonly signal?: AbortSignal;
}
