/**
 * conmon: the small process that outlives the engine. It runs the runtime, holds the other ends of the
 * container's streams, writes the log, and waits for the exit code. conmon(8), and src/conmon.c of 2.1.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { asError, internal, invalid, unavailable } from "../lib/errors.ts";
import { SeqpacketSocket } from "../linux/seqpacket.ts";
import type { MonitorRequest } from "./monitor-types.ts";
import { textOf } from "./programs.ts";
import { RuntimeError, refusalOf, runtimeMessage } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";

/** A process made, or started, under a monitor of its own. */
export interface Monitored {
  readonly pid: number;
  readonly monitor: number;
  /** Connected before the process could write anything. */
  readonly socket: SeqpacketSocket;
}

/** Where a request's `attach`, `ctl` and `winsz` are: conmon puts them into its bundle. */
export const socketsOf = (request: MonitorRequest): string =>
  request.exec ? request.directory : request.bundle;

/**
 * Whether conmon keeps standard input open when our connection goes: else it would be at its end whenever the
 * engine stops. With `stdinOnce` that is what is asked for; a terminal has no end of file of that kind.
 */
export const keepsStdin = (request: MonitorRequest): boolean => request.terminal || !request.stdinOnce;

/** conmon's command line. Pure. */
function monitorArguments(runtime: Runtime, request: MonitorRequest, exitDirectory: string): string[] {
  const { container, exec, directory } = request;
  const runtimeArguments = ["--root", runtime.root];
  return [
    "--api-version",
    "--sync", // our child while we live: waited for by us, and by init after us
    "--full-attach",
    "--no-sync-log",
    ...["--cid", container],
    ...["--cuuid", exec?.id ?? container],
    ...["--runtime", runtime.path],
    ...runtimeArguments.map((argument) => `--runtime-arg=${argument}`),
    ...["--bundle", socketsOf(request)],
    ...["--container-pidfile", join(directory, "pid")],
    ...["--persist-dir", exitDirectory],
    ...["--log-path", request.logPath === undefined ? "none" : `k8s-file:${request.logPath}`],
    ...(runtime.systemdCgroup && !exec ? ["--systemd-cgroup"] : []),
    ...(request.terminal ? ["--terminal"] : []),
    ...(request.openStdin ? ["--stdin"] : []),
    ...(request.openStdin && keepsStdin(request) ? ["--leave-stdin-open"] : []),
    ...(exec ? ["--exec", "--exec-attach", "--exec-process-spec", join(directory, "process.json")] : []),
  ];
}

/**
 * Run conmon until its process is there: created and waiting, or, for an exec, running.
 * @param executableExists asked where the runtime's message leaves it open
 * @throws RuntimeError in the runtime's words; then conmon has ended, and what the runtime keeps is the caller's to delete
 */
export async function runMonitor(
  conmon: string,
  runtime: Runtime,
  request: MonitorRequest,
  executableExists: () => boolean,
): Promise<Monitored> {
  // conmon cuts its log path at a colon.
  if (request.logPath?.includes(":")) throw invalid(`a log path can't hold a colon: ${request.logPath}`);
  if (request.exec) {
    writeFileSync(join(request.directory, "process.json"), JSON.stringify(request.exec.process));
  }
  const temporary = temporaryDirectory(request);
  const child = spawn(conmon, monitorArguments(runtime, request, request.directory), {
    cwd: request.directory, // it writes `oom` there
    detached: true, // a session of its own from the first: our terminal's signals are not for it
    env: {
      PATH: process.env.PATH,
      TZ: "UTC", // of the log's times
      TMPDIR: temporary.path, // of the console's socket
      _OCI_SYNCPIPE: "3",
      _OCI_STARTPIPE: "4",
      ...(request.exec ? { _OCI_ATTACHPIPE: "5" } : {}),
    },
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", ...(request.exec ? (["pipe"] as const) : [])],
  });
  const conversation = new Conversation(child);
  try {
    return await conversation.untilReady(request, executableExists);
  } catch (thrown) {
    await conversation.end();
    throw thrown;
  } finally {
    conversation.hangUp();
    temporary.remove();
  }
}

type Lines = AsyncGenerator<string, undefined>;

/** What the engine and conmon say to each other over the pipes, until the process is there. */
class Conversation {
  readonly #child: ChildProcess;
  readonly #sync: Lines;
  readonly #start: Writable;
  readonly #attach: Lines | undefined;
  readonly #complaints: () => string;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcess) {
    const [, , , sync, start, attach]: readonly unknown[] = child.stdio;
    this.#child = child;
    this.#sync = linesOf(sync as Readable);
    this.#start = start as Writable;
    this.#attach = attach ? linesOf(attach as Readable) : undefined;
    this.#complaints = textOf(child, "stderr");
    // A write to a conmon that has gone fails: its exit tells.
    this.#start.on("error", () => {});
    this.#closed = once(child, "close").catch((error: unknown) => asError(error));
  }

  async untilReady(request: MonitorRequest, executableExists: () => boolean): Promise<Monitored> {
    this.#start.write("\0");
    let socket: SeqpacketSocket | undefined;
    try {
      if (this.#attach) {
        // An exec runs at once, so conmon waits for us to be connected.
        await this.#answer(this.#attach, executableExists);
        socket = connect(request);
        this.#start.write("\0");
      }
      const pid = await this.#answer(this.#sync, executableExists);
      socket ??= connect(request);
      return { pid, monitor: this.#child.pid ?? 0, socket };
    } catch (thrown) {
      socket?.close();
      throw thrown;
    }
  }

  /** `{"data": 4711}`, or a negative number and a message. */
  async #answer(lines: Lines, executableExists: () => boolean): Promise<number> {
    const line = (await lines.next()).value;
    if (line === undefined) throw await this.#silence();
    const { data, message } = parseAnswer(line);
    if (data >= 0) return data;
    const text = runtimeMessage(message) || "the runtime failed without a message";
    throw new RuntimeError(refusalOf(text, executableExists), text);
  }

  /** conmon has closed its pipe without an answer: it ended early, or was never there. */
  async #silence(): Promise<Error> {
    const outcome = await this.#closed;
    if (outcome instanceof Error) return unavailable(`run conmon: ${outcome.message}`, outcome);
    const [status, signal] = outcome as [number | null, string | null];
    const why = this.#complaints() || (signal ?? `status ${status}`);
    return internal(`conmon ended before the process was there: ${why}`);
  }

  /** It has failed and should end by itself; if it does not, it is made to. */
  async end(): Promise<void> {
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), 2000);
    await this.#closed;
    clearTimeout(patience);
  }

  hangUp(): void {
    this.#child.unref();
    for (const stream of this.#child.stdio) stream?.destroy();
  }
}

function parseAnswer(line: string): { data: number; message: string } {
  try {
    const { data, message } = JSON.parse(line) as { data?: unknown; message?: unknown };
    if (typeof data === "number") return { data, message: typeof message === "string" ? message : "" };
  } catch {
    // Its escapes are not always JSON's: the message is shown as it came.
  }
  return { data: -1, message: line };
}

const connect = (request: MonitorRequest): SeqpacketSocket =>
  SeqpacketSocket.connect(join(socketsOf(request), "attach"));

/** The lines of a stream, up to its end, however that comes. */
async function* linesOf(stream: Readable): Lines {
  let rest = "";
  try {
    for await (const piece of stream.setEncoding("utf8")) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch {
    // A broken pipe is the end of it.
  }
  if (rest) yield rest;
  return undefined;
}

/** `/conmon-term.XXXXXX` must fit into a socket's address (108 bytes with its NUL) together with the directory. */
const CONSOLE_DIRECTORY_LIMIT = 108 - "/conmon-term.XXXXXX".length - 1;

function temporaryDirectory(request: MonitorRequest): { path: string; remove(): void } {
  if (!request.terminal || Buffer.byteLength(request.directory) <= CONSOLE_DIRECTORY_LIMIT) {
    return { path: request.directory, remove: () => {} };
  }
  const path = mkdtempSync(join(tmpdir(), "drawbridge-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
