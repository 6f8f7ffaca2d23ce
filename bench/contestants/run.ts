/** Those who run a container's whole life: create, start, wait, remove. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { ApiClient } from "../../src/api/client.ts";
import { findProgram } from "../../src/lib/programs.ts";
import type { ThrowawayHost } from "../../test/support/host.ts";
import { createContainer } from "../lib/engines.ts";
import { makeRootfs } from "../lib/rootfs.ts";
import type { Absent, Contestant } from "../lib/rounds.ts";

export const PHASES = ["create", "start", "wait", "remove", "total"] as const;
export type RunPhase = (typeof PHASES)[number];

/** An engine by its API, with an image of this name. */
export function engineContestant(
  name: string,
  note: string,
  client: ApiClient,
  image: string,
): Contestant<RunPhase> {
  return {
    name,
    note,
    async measure() {
      const times = [performance.now()];
      const lap = <T>(result: T): T => {
        times.push(performance.now());
        return result;
      };
      const id = lap(await createContainer(client, image, ["true"]));
      lap(await client.post(`/containers/${id}/start`));
      const { StatusCode } = lap(
        await client.post<{ readonly StatusCode: number }>(`/containers/${id}/wait`),
      );
      if (StatusCode !== 0) throw new Error(`${name}: the container's exit code is ${StatusCode}`);
      lap(await client.delete(`/containers/${id}`));
      const between = (a: number, b: number) => (times[b] ?? Number.NaN) - (times[a] ?? Number.NaN);
      return {
        create: between(0, 1),
        start: between(1, 2),
        wait: between(2, 3),
        remove: between(3, 4),
        total: between(0, 4),
      };
    },
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

/** conmon and a runtime by themselves, with an empty network namespace, driven by a shell. */
export class BundleContestant implements Contestant<"total"> {
  readonly name: string;
  readonly note = "on a bundle that is ready: no image, no network, no engine";
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  private constructor(name: string, shell: ChildProcessByStdio<Writable, Readable, null>) {
    this.name = name;
    this.#shell = shell;
    this.#answers = createInterface(shell.stdout)[Symbol.asyncIterator]();
  }

  static async prepare(host: ThrowawayHost, runtime: "crun" | "runc"): Promise<BundleContestant | Absent> {
    const name = `conmon + ${runtime}`;
    const program = findProgram(runtime);
    if (!program || !findProgram("conmon")) return { absent: `${name}: not installed (scripts/bootstrap)` };
    const directory = join(host.directory, runtime);
    makeRootfs(join(directory, "rootfs"));
    await host.run("sh", ["-c", 'cd "$0" && "$1" spec', directory, runtime]);
    const file = join(directory, "config.json");
    const spec = JSON.parse(readFileSync(file, "utf8"));
    Object.assign(spec.process, { terminal: false, args: ["true"], rlimits: [] });
    spec.linux.cgroupsPath = `/${host.cgroupParent}/bench`;
    writeFileSync(file, JSON.stringify(spec));
    const [command = "", ...args] = host.enter([
      "sh",
      join(import.meta.dirname, "bundle.sh"),
      directory,
      program,
    ]);
    return new BundleContestant(
      name,
      spawn(command, args, { env: host.environment, stdio: ["pipe", "pipe", "inherit"] }),
    );
  }

  async measure(round: number): Promise<Readonly<Record<"total", number>>> {
    const start = performance.now();
    this.#shell.stdin.write(`bench${round}\n`);
    const { value } = await this.#answers.next();
    const total = performance.now() - start;
    if (!String(value).startsWith("0 ")) throw new Error(`${this.name}: ${value ?? "it has ended"}`);
    return { total };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#shell, "exit");
    this.#shell.stdin.end();
    await ended;
  }
}
