/**
 * A command in a running container that only its exit code and its first words are wanted of: the runtime runs it as
 * our child, with no monitor, log or attach socket beside it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { codeOf, unavailable } from "../lib/errors.ts";
import { Pidfd } from "../linux/pidfd.ts";
import { statOf } from "../linux/process.ts";
import type { Probe, ProbeOutcome, ProbeRequest } from "./monitor-types.ts";
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
  command: readonly [string, ...(readonly string[])],
  request: ProbeRequest,
  executableExists: () => boolean,
): Probe {
  const processFile = join(request.directory, "process.json");
  const pidFile = pidFileIn(request.directory);
  writeFileSync(processFile, JSON.stringify(request.process), { mode: 0o600 });
  rmSync(pidFile, { force: true });
  const [program, ...words] = command;
  const child = spawn(
    program,
    [...words, "exec", "--process", processFile, "--pid-file", pidFile, request.container],
    { stdio: ["ignore", "pipe", "pipe"], detached: true }, // our terminal's signals are not for it
  );
  const output = new Output(child);
  const deadline = new Deadline(pidFile, request.timeout, () => end(child, pidFile));
  const ended = exitOf(child, program)
    .finally(() => deadline.stop())
    .then((exitCode): ProbeOutcome => {
      // It is written once there is a process: without it, what was said are the runtime's own words.
      if (startOf(pidFile) !== undefined || deadline.passed) {
        return { exitCode, output: output.text(), timedOut: deadline.passed };
      }
      const message = runtimeMessage(output.text()) || `the runtime failed with status ${exitCode}`;
      throw new RuntimeError(refusalOf(message, executableExists), message);
    });
  return { ended, kill: () => end(child, pidFile) };
}

/** Ends what runs in the container, and so the runtime that waits for it; the runtime itself where nothing runs yet. */
function end(child: ChildProcess, pidFile: string): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const pid = pidIn(pidFile);
  const stat = pid === undefined ? undefined : statOf(pid);
  // The runtime's own child: until it has been waited for, nobody else can have its pid.
  const process =
    pid !== undefined && stat && stat.parent === child.pid ? Pidfd.open(pid, stat.startTime) : undefined;
  if (!process) {
    child.kill("SIGKILL");
    return;
  }
  process.signal(constants.signals.SIGKILL);
  process.close();
}

/**
 * One whose engine died while it ran has nobody to end it at its time. It is known by the mount namespace of the
 * container, whose own process is `main`.
 */
export function endLeftProbe(directory: string, main: number): void {
  const pid = pidIn(pidFileIn(directory));
  const stat = pid === undefined || pid === main ? undefined : statOf(pid);
  if (pid === undefined || !stat) return;
  const process = Pidfd.open(pid, stat.startTime);
  if (process && mountsOf(pid) === mountsOf(main)) process.signal(constants.signals.SIGKILL);
  process?.close();
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

/** Resolves when it has ended and its output has come out, which a child of its own may hold open. */
function exitOf(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(unavailable(`run ${program}: ${error.message}`, error)));
    child.once("exit", (status, signal) => {
      const code = status ?? 128 + (signal ? constants.signals[signal] : 0);
      const settle = () => {
        clearTimeout(patience);
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve(code);
      };
      const patience = setTimeout(settle, REST_LIMIT);
      child.once("close", settle);
    });
  });
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
  readonly #pieces: Buffer[] = [];
  #room = OUTPUT_LIMIT;
  #truncated = false;

  constructor({ stdout, stderr }: ChildProcess) {
    stdout?.on("data", (piece: Buffer) => this.#add(piece));
    stderr?.on("data", (piece: Buffer) => this.#add(piece));
  }

  #add(piece: Buffer): void {
    const kept = piece.subarray(0, this.#room);
    // A copy: what a loud process goes on writing is not held by the beginning that is kept.
    if (kept.length > 0) this.#pieces.push(Buffer.from(kept));
    this.#room -= kept.length;
    this.#truncated ||= kept.length < piece.length;
  }

  text(): string {
    return `${Buffer.concat(this.#pieces).toString("utf8")}${this.#truncated ? "..." : ""}`;
  }
}
