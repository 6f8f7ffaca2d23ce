import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { ThrowawayHost } from "./host.ts";
import { childrenOf } from "./processes.ts";

const BINARY = join(import.meta.dirname, "../../bin/drawbridge");

export interface EngineOptions {
  /** After those that place it in its host. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until it must answer; 20,000 unless told. */
  readonly timeout?: number;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** A running `drawbridge daemon`. Disposing of it stops it in good order. */
export class EngineProcess implements AsyncDisposable {
  /** By the test's own count of processes. */
  readonly pid: number;
  /** The path of its API's socket. */
  readonly socket: string;
  /** Resolves with how it ended, as a shell tells it. */
  readonly exited: Promise<number>;
  readonly #logFile: string;
  #running = true;

  private constructor(child: ChildProcess, socket: string, logFile: string) {
    this.socket = socket;
    this.#logFile = logFile;
    this.exited = once(child, "exit").then(([code, signal]) => {
      this.#running = false;
      return code ?? (signal === "SIGKILL" ? 137 : 143);
    });
    this.pid = onlyChildOf(child.pid);
  }

  /** @throws Error with the engine's log, where it ends or does not answer in time */
  static async start(host: ThrowawayHost, options: EngineOptions): Promise<EngineProcess> {
    const socket = host.address.slice("unix://".length);
    const logFile = join(host.directory, "engine.log");
    const flags = ["-H", host.address, "--data-root", host.dataRoot, "--exec-root", host.execRoot];
    flags.push("--cgroup-parent", host.cgroupParent, ...(options.flags ?? []));
    // `exec` in a shell that first waits for a line: it is there to be found when its pid is asked for.
    const [command = "", ...args] = host.enter([
      "sh",
      "-c",
      'read -r _; exec "$0" "$@"',
      BINARY,
      "daemon",
      ...flags,
    ]);
    const log = openSync(logFile, "a");
    const env = { ...host.environment, ...options.env };
    const child = spawn(command, args, { env, stdio: ["pipe", log, log] });
    closeSync(log);
    await once(child, "spawn");
    await childAppears(child);
    const engine = new EngineProcess(child, socket, logFile);
    child.stdin?.end("go\n");
    await engine.#ready(options.timeout ?? 20_000);
    return engine;
  }

  /** All that engines in this host have written so far. */
  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  /** The hard way: no chance to clean up. */
  async kill9(): Promise<void> {
    if (this.#running) process.kill(this.pid, "SIGKILL");
    await this.exited;
  }

  /** The orderly way. @returns the exit code */
  async stop(): Promise<number> {
    if (this.#running) process.kill(this.pid, "SIGTERM");
    return this.exited;
  }

  /** One request to its API; `path` with or without a version. */
  request(method: string, path: string, body?: unknown): Promise<ApiResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<ApiResponse>();
    const text = body === undefined ? "" : JSON.stringify(body);
    // With its length: DELETE has no body by Node's own account.
    const headers =
      body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const call = request({ socketPath: this.socket, method, path, headers, agent: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (part: string) => (answer += part));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer }),
      );
    });
    call.once("error", reject);
    call.end(text);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ready(timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    for (let last: unknown = "not asked"; ; ) {
      if (!this.#running) throw new Error(`the engine ended with code ${await this.exited}:\n${this.log()}`);
      try {
        if ((await this.request("GET", "/_ping")).status === 200) return;
      } catch (error) {
        last = error;
      }
      if (Date.now() > deadline) {
        await this.kill9();
        throw new Error(`the engine does not answer after ${timeout} ms:\n${this.log()}`, { cause: last });
      }
      await sleep(10);
    }
  }
}

async function childAppears(parent: ChildProcess): Promise<void> {
  while (parent.exitCode === null && childrenOf(parent.pid).length === 0) await sleep(1);
}

function onlyChildOf(pid: number | undefined): number {
  const [child, ...more] = childrenOf(pid);
  if (child === undefined || more.length > 0)
    throw new Error(`process ${pid} has ${more.length ? "many children" : "none"}`);
  return child;
}
