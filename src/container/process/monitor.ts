/**
 * conmon: the small process that outlives the engine. It runs the runtime, holds the other ends of the
 * container's streams, writes the log, and waits for the exit code. conmon(8), and src/conmon.c of 2.1.
 */
import { closeSync, mkdtempSync, rmSync, writeFileSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { codeOf, internal, invalid } from "../../lib/errors.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { SeqpacketSocket } from "../../linux/seqpacket.ts";
import { type Child, openPipe } from "../../linux/spawn.ts";
import type { MonitorRequest } from "./monitor-types.ts";
import { readingEnd, startProgram, textOf } from "./programs.ts";
import { RuntimeError, refusalOf, runtimeMessage } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";

/** A process made, or started, under a monitor of its own. */
export interface Monitored {
  readonly pid: number;
  /** Our child, to be released where the engine lets go of it. */
  readonly monitor: Child;
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
  reactor: Reactor,
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
  const env = {
    PATH: process.env.PATH,
    TZ: "UTC", // of the log's times
    TMPDIR: temporary.path, // of the console's socket
    _OCI_SYNCPIPE: "3",
    _OCI_STARTPIPE: "4",
    ...(request.exec ? { _OCI_ATTACHPIPE: "5" } : {}),
  };
  const pipes = new Pipes(request.exec !== undefined);
  try {
    const child = startProgram(reactor, {
      path: conmon,
      args: monitorArguments(runtime, request, request.directory),
      cwd: request.directory, // it writes `oom` there
      session: true, // our terminal's signals are not for it
      env,
      descriptors: ["null", "null", ...pipes.theirs],
    });
    pipes.closeTheirs();
    const conversation = new Conversation(child, pipes);
    try {
      return await conversation.untilReady(request, executableExists);
    } catch (thrown) {
      await conversation.end();
      throw thrown;
    }
  } finally {
    pipes.close();
    temporary.remove();
  }
}

/** What the engine and conmon say to each other through, and our ends of it as streams. */
class Pipes {
  readonly #start = openPipe("write");
  readonly complaints: Socket;
  readonly sync: Socket;
  readonly attach: Socket | undefined;
  /** conmon's ends, in the order of its descriptors from 2 on. */
  readonly theirs: readonly number[];
  #theirsOpen = true;

  constructor(exec: boolean) {
    const [complaints, sync] = [openPipe("read"), openPipe("read")];
    const attach = exec ? openPipe("read") : undefined;
    this.complaints = readingEnd(complaints.read);
    this.sync = readingEnd(sync.read);
    this.attach = attach && readingEnd(attach.read);
    this.theirs = [complaints.write, sync.write, this.#start.read, ...(attach ? [attach.write] : [])];
  }

  closeTheirs(): void {
    if (this.#theirsOpen) for (const fd of this.theirs) closeSync(fd);
    this.#theirsOpen = false;
  }

  /** Its word to go on. Where conmon has gone, its exit tells. */
  go(): void {
    try {
      writeSync(this.#start.write, "\0");
    } catch (thrown) {
      if (codeOf(thrown) !== "EPIPE") throw thrown;
    }
  }

  close(): void {
    this.closeTheirs();
    closeSync(this.#start.write);
    for (const stream of [this.complaints, this.sync, this.attach]) stream?.destroy();
  }
}

type Lines = AsyncGenerator<string, undefined>;

/** What the engine and conmon say to each other over the pipes, until the process is there. */
class Conversation {
  readonly #child: Child;
  readonly #pipes: Pipes;
  readonly #sync: Lines;
  readonly #attach: Lines | undefined;
  readonly #complaints: Promise<string>;

  constructor(child: Child, pipes: Pipes) {
    this.#child = child;
    this.#pipes = pipes;
    this.#sync = linesOf(pipes.sync);
    this.#attach = pipes.attach && linesOf(pipes.attach);
    // Given up with the pipes, once the process is there.
    this.#complaints = textOf(pipes.complaints).catch(() => "");
  }

  async untilReady(request: MonitorRequest, executableExists: () => boolean): Promise<Monitored> {
    this.#pipes.go();
    let socket: SeqpacketSocket | undefined;
    try {
      if (this.#attach) {
        // An exec runs at once, so conmon waits for us to be connected.
        await this.#answer(this.#attach, executableExists);
        socket = connect(request);
        this.#pipes.go();
      }
      const pid = await this.#answer(this.#sync, executableExists);
      socket ??= connect(request);
      return { pid, monitor: this.#child, socket };
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

  /** conmon has closed its pipe without an answer: it ended early. */
  async #silence(): Promise<Error> {
    const [status, complaints] = await Promise.all([this.#child.ended, this.#complaints]);
    return internal(`conmon ended before the process was there: ${complaints || `status ${status}`}`);
  }

  /** It has failed and should end by itself; if it does not, it is made to. */
  async end(): Promise<void> {
    const patience = setTimeout(() => process.kill(this.#child.pid, "SIGKILL"), 2000);
    await this.#child.ended;
    clearTimeout(patience);
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
async function* linesOf(stream: Socket): Lines {
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
