/** The OCI runtime: which one runs here, and its commands (runtime specification, "Operations"). */
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { unavailable } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { Logger } from "../../lib/log.ts";
import { findProgram } from "../../lib/programs.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { howToInstall, requireProgram, run } from "./programs.ts";
import { RuntimeError, refusalOf, runtimeMessage } from "./refusal.ts";

export interface RuntimeOptions {
  /** A name or a path; else crun, or runc where crun is missing or refuses this machine. */
  readonly runtime?: string;
  /** Where the runtime keeps what it knows of its containers. */
  readonly root: string;
  /** Have systemd make the cgroups. */
  readonly systemdCgroup: boolean;
  readonly logger: Logger;
  /** Hears the ends of its commands. */
  readonly reactor: Reactor;
}

export class Runtime {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly root: string;
  readonly systemdCgroup: boolean;
  readonly #reactor: Reactor;

  private constructor(path: string, version: string, options: RuntimeOptions) {
    this.name = basename(path);
    this.path = path;
    this.version = version;
    this.root = options.root;
    this.systemdCgroup = options.systemdCgroup;
    this.#reactor = options.reactor;
  }

  /** @throws unavailable where no runtime is there that runs here, with what to install */
  static async choose(options: RuntimeOptions): Promise<Runtime> {
    const path = choosePath(options);
    return new Runtime(path, await versionOf(options.reactor, path), options);
  }

  /** @throws RuntimeError */
  async start(container: ContainerID): Promise<void> {
    await this.#command("start", container);
  }

  async pause(container: ContainerID): Promise<void> {
    await this.#command("pause", container);
  }

  async resume(container: ContainerID): Promise<void> {
    await this.#command("resume", container);
  }

  /** @param resources a file: both runtimes read one, and crun nothing else */
  async update(container: ContainerID, resources: string): Promise<void> {
    await this.#command("update", "--resources", resources, container);
  }

  /** Whatever is left of it: processes are killed. Nothing to do where nothing is known of it. */
  async delete(container: ContainerID): Promise<void> {
    if (existsSync(join(this.root, container))) await this.#command("delete", "--force", container);
  }

  /** What it keeps of a container is a directory by its id (`--root`: runc(8), crun(1)). */
  async forget(container: ContainerID): Promise<void> {
    await rm(join(this.root, container), { recursive: true, force: true });
  }

  /** The program, and what goes before any of its commands. */
  get command(): readonly [string, ...(readonly string[])] {
    return [this.path, "--root", this.root, ...(this.systemdCgroup ? ["--systemd-cgroup"] : [])];
  }

  async #command(verb: string, ...args: string[]): Promise<void> {
    const [program, ...own] = this.command;
    const { code, stderr } = await run(this.#reactor, program, [...own, verb, ...args]);
    if (code === 0) return;
    const message = runtimeMessage(stderr) || `${this.name} ${verb} failed with status ${code}`;
    throw new RuntimeError(
      refusalOf(message, () => true),
      message,
    );
  }
}

function choosePath(options: RuntimeOptions): string {
  if (options.runtime) return requireProgram(options.runtime);
  const crun = findProgram("crun");
  const runc = findProgram("runc");
  const reason = crun && isHybridCgroup() ? "crun refuses cgroup v1 with a unified hierarchy beside it" : "";
  if (crun && !reason) return crun;
  if (!runc) throw unavailable(reason ? `${reason}: ${howToInstall("runc")}` : missing());
  if (reason) options.logger.info({ runtime: runc }, `${reason}: using runc`);
  return runc;
}

const missing = () => `neither crun nor runc is installed: ${howToInstall("crun")}`;

/** What crun asks (libcrun's cgroup mode): a version 2 hierarchy that has controllers, beside version 1. */
function isHybridCgroup(): boolean {
  const controllers = "/sys/fs/cgroup/unified/cgroup.controllers";
  return existsSync(controllers) && readFileSync(controllers, "utf8").trim() !== "";
}

/** `crun version 1.8.1`, `runc version 1.1.5+ds1`, `conmon version 2.1.6`: the first line's last word. */
export async function versionOf(reactor: Reactor, path: string): Promise<string> {
  const { code, stdout, stderr } = await run(reactor, path, ["--version"]);
  if (code !== 0) throw unavailable(`${path} --version failed with status ${code}: ${stderr}`);
  return stdout.split("\n")[0]?.trim().split(" ").at(-1) ?? "";
}
