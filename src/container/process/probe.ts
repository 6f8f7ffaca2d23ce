/**
 * A command in a running container that only its exit code and its first words are wanted of: the runtime runs it as
 * our child, with no monitor, log or attach socket beside it.
 */
import { closeSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../lib/errors.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { type ProcessStat, statOf } from "../../linux/process.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { type Child, closePipe, openPipe } from "../../linux/spawn.ts";
import type { Probe, ProbeOutcome, ProbeRequest } from "./monitor-types.ts";
import { readingEnd, startProgram } from "./programs.ts";
import { RuntimeError, refusalOf, runtimeMessage } from "./refusal.ts";

/** Bytes of output that are kept. */
const OUTPUT_LIMIT = 4096;

/** How long the runtime may take to have it running, and what it left in pipes to come out. Milliseconds. */
const START_LIMIT = 30_000;
const REST_LIMIT = 1000;

/** setTimeout's own limit, milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The least between two looks for whether it runs by now. Milliseconds. */
const PAUSE = 10;

const pidFileIn = (directory: string): string => join(directory, "pid");

/** @param command the runtime and its arguments up to those of `exec` */
export function runProbe(
  reactor: Reactor,
  command: readonly [string, ...(readonly string[])],
  request: ProbeRequest,
  executableExists: () => boolean,
): Probe {
  const processFile = join(request.directory, "process.json");
  const pidFile = pidFileIn(request.directory);
  writeFileSync(processFile, JSON.stringify(request.process), { mode: 0o600 });
  rmSync(pidFile, { force: true });
  const [path, ...words] = command;
  const args = [...words, "exec", "--process", processFile, "--pid-file", pidFile, request.container];
  const { child, output } = start(reactor, path, args);
  let over = false;
  const kill = () => {
    if (!over) end(child.pid, pidFile);
  };
  const deadline = new Deadline(pidFile, request.timeout, kill);
  const ended = child.ended.then(async (exitCode): Promise<ProbeOutcome> => {
    over = true;
    deadline.stop();
    const text = await output.text();
    // It is written once there is a process: without it, what was said are the runtime's own words.
    if (startOf(pidFile) !== undefined || deadline.passed) {
      return { exitCode, output: text, timedOut: deadline.passed };
    }
    const message = runtimeMessage(text) || `the runtime failed with status ${exitCode}`;
    throw new RuntimeError(refusalOf(message, executableExists), message);
  });
  return { ended, kill };
}

/** @throws unavailable where the runtime can't be run */
function start(reactor: Reactor, path: string, args: readonly string[]): { child: Child; output: Output } {
  const pipe = openPipe("read");
  try {
    // Our terminal's signals are not for it.
    const descriptors = ["null", pipe.write, pipe.write] as const;
    const child = startProgram(reactor, { path, args, session: true, descriptors });
    closeSync(pipe.write);
    return { child, output: new Output(readingEnd(pipe.read)) };
  } catch (thrown) {
    closePipe(pipe);
    throw thrown;
  }
}

/** Ends what runs in the container, and so the runtime that waits for it; the runtime itself where nothing runs yet. */
function end(runtime: number, pidFile: string): void {
  const pid = pidIn(pidFile);
  // The runtime's own child: until it has been waited for, nobody else can have its pid.
  if (pid === undefined || !killIf(pid, ({ parent }) => parent === runtime)) killIf(runtime, () => true);
}

/** @returns whether there is such a process */
function killIf(pid: number, isMeant: (stat: ProcessStat) => boolean): boolean {
  const stat = statOf(pid);
  const process = stat && isMeant(stat) ? Pidfd.open(pid, stat.startTime) : undefined;
  process?.signal(constants.signals.SIGKILL);
  process?.close();
  return process !== undefined;
}

/**
 * One whose engine died while it ran has nobody to end it at its time. It is known by the mount namespace of the
 * container, whose own process is `main`.
 */
export function endLeftProbe(directory: string, main: number): void {
  const pid = pidIn(pidFileIn(directory));
  if (pid !== undefined && pid !== main) killIf(pid, () => mountsOf(pid) === mountsOf(main));
}

/** @returns undefined where it has gone */
function mountsOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch (thrown) {
    if (["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** The time limit counts from when the process runs: what the runtime needs to get there is not its fault. */
class Deadline {
  passed = false;
  readonly #pidFile: string;
  readonly #timeout: number;
  readonly #begun = Date.now();
  readonly #onPassed: () => void;
  #timer: NodeJS.Timeout;

  constructor(pidFile: string, timeout: number, onPassed: () => void) {
    this.#pidFile = pidFile;
    this.#timeout = timeout;
    this.#onPassed = onPassed;
    this.#timer = this.#look(timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(delay: number): NodeJS.Timeout {
    return setTimeout(
      () => {
        const limit = (startOf(this.#pidFile) ?? this.#begun + START_LIMIT) + this.#timeout;
        const left = Math.max(0, limit - Date.now());
        if (left > 0) {
          // Not there yet: look again before long.
          this.#timer = this.#look(Math.min(left, Math.max(this.#timeout, PAUSE)));
          return;
        }
        this.passed = true;
        this.#onPassed();
      },
      Math.min(Math.ceil(delay), LONGEST_TIMER),
    );
  }
}

/** When the process was there, milliseconds since 1970. */
const startOf = (pidFile: string): number | undefined =>
  statSync(pidFile, { throwIfNoEntry: false })?.mtimeMs;

/** @returns undefined where there is none yet */
function pidIn(pidFile: string): number | undefined {
  if (startOf(pidFile) === undefined) return undefined;
  const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

class Output {
  readonly #stream: Socket;
  readonly #pieces: Buffer[] = [];
  #room = OUTPUT_LIMIT;
  #truncated = false;

  constructor(stream: Socket) {
    this.#stream = stream;
    stream.on("data", (piece: Buffer) => this.#add(piece));
    stream.on("error", () => stream.destroy()); // what came until then is what there is
  }

  #add(piece: Buffer): void {
    const kept = piece.subarray(0, this.#room);
    // A copy: what a loud process goes on writing is not held by the beginning that is kept.
    if (kept.length > 0) this.#pieces.push(Buffer.from(kept));
    this.#room -= kept.length;
    this.#truncated ||= kept.length < piece.length;
  }

  /** All of it, once what is left in the pipe has come out: a child of the process's own may hold it open for long. */
  async text(): Promise<string> {
    const closed = new Promise<void>((resolve) => {
      if (this.#stream.closed) resolve();
      else this.#stream.once("close", () => resolve());
    });
    const patience = setTimeout(() => this.#stream.destroy(), REST_LIMIT);
    await closed;
    clearTimeout(patience);
    return `${Buffer.concat(this.#pieces).toString("utf8")}${this.#truncated ? "..." : ""}`;
  }
}
