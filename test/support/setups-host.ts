/** A throwaway host with containers, and somebody at its console. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { EngineProcess } from "./engine-process.ts";
import { ThrowawayHost } from "./host.ts";
import { FrozenEngine } from "./setups-frozen.ts";

/** What came of a command line. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** To the console, and from it. */
export interface Asked {
  readonly id: number;
  readonly line: string;
}
export type Answered = Answer & Pick<Asked, "id">;

const INSIDE = join(import.meta.dirname, "setups-inside.ts");
const BIN = join(import.meta.dirname, "../../bin");

export class SetupsHost implements AsyncDisposable {
  readonly #host: ThrowawayHost;
  readonly #console: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #asked = 0;
  #engine: EngineProcess | undefined;
  #frozen: FrozenEngine | undefined;
  /** `web=4711; veth_web=veth0a1b2c3`, and so on for each container. */
  #variables = 'elsewhere() { nsenter --net=$OUTSIDE "$@"; }\n';

  private constructor(host: ThrowawayHost, console: ChildProcess) {
    assert.ok(console.stdout);
    this.#host = host;
    this.#console = console;
    createInterface(console.stdout)
      .on("line", (line) => {
        const { id, ...answer }: Answered = JSON.parse(line);
        this.#waiting.get(id)?.resolve(answer);
        this.#waiting.delete(id);
      })
      .once("close", () => {
        for (const { reject } of this.#waiting.values()) reject(new Error("the console is gone"));
      });
  }

  /**
   * @param scene shell lines that make its containers and networks
   * @param options.frozen once they are made the engine answers what it would answer then, and does nothing any more: no rule,
   * link or route comes back by itself; `docker exec` goes on to work
   */
  static async create(scene: string, options: { readonly frozen: boolean }): Promise<SetupsHost> {
    const host = await ThrowawayHost.create();
    const shims = join(host.directory, "shims");
    mkdirSync(shims);
    const [command = "", ...args] = host.enter([process.execPath, INSIDE]);
    const env = {
      ...host.environment,
      PATH: `${shims}:${host.environment.PATH}:${BIN}`,
      DRAWBRIDGE_HOST: host.address,
      OUTSIDE: join(host.directory, "outside"),
    };
    const made = new SetupsHost(host, spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] }));
    try {
      made.#engine = await host.startEngine();
      await made.do(scene);
      await made.#nameThings();
      if (options.frozen) await made.#freeze(shims);
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
    return made;
  }

  /** Type a line, and wait for what comes of it; others may be typed meanwhile. */
  ask(line: string): Promise<Answer> {
    const text = line.startsWith("drawbridge ") ? line : `${this.#variables}${line}`;
    this.#asked += 1;
    const asked: Asked = { id: this.#asked, line: text };
    const answered = Promise.withResolvers<Answer>();
    this.#waiting.set(asked.id, answered);
    this.#console.stdin?.write(`${JSON.stringify(asked)}\n`);
    return answered.promise;
  }

  /** Type lines that must succeed. */
  async do(lines: string): Promise<string> {
    const { code, out, err } = await this.ask(`set -e\n${lines}`);
    assert.equal(code, 0, `${lines}\n${out}${err}`);
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#console.exitCode === null ? once(this.#console, "close") : undefined;
    this.#console.stdin?.end();
    await ended;
    await this.#frozen?.[Symbol.asyncDispose]();
    await this.#engine?.[Symbol.asyncDispose]();
    await this.#host[Symbol.asyncDispose]();
  }

  /** For shell lines: `$web` is the pid of container web, `$veth_web` the host's end of its pair. */
  async #nameThings(): Promise<void> {
    this.#variables += await this.do(`
      docker ps -q | xargs -r docker inspect -f '{{slice .Name 1}}={{.State.Pid}}'
      grep -H . /sys/class/net/veth*/ifalias 2>/dev/null | sed -E 's,^.*/net/(veth[^/]*)/ifalias:([A-Za-z0-9_]+).*$,veth_\\2=\\1,' || true
    `);
  }

  async #freeze(shims: string): Promise<void> {
    assert.ok(this.#engine);
    const pids = this.#variables.matchAll(/^(\w+)=(\d+)$/gm);
    const enter = [...pids].map(([, name, pid]) => `  ${name}) pid=${pid} ;;`);
    writeFileSync(
      join(shims, "docker"),
      `#!/bin/sh\n[ "$1" = exec ] || exit 1\ncase $2 in\n${enter.join("\n")}\nesac\nshift 2\nexec nsenter -t $pid -n -m -u -- "$@"\n`,
      { mode: 0o755 },
    );
    this.#frozen = await FrozenEngine.of(this.#engine);
    this.#engine = undefined;
  }
}
