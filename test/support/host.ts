/**
 * Throwaway hosts: everything that an engine touches, made for one test.
 *
 * ```ts
 * test("…", async (t) => {
 *   if (needsRoot(t)) return;
 *   await using host = await ThrowawayHost.create();
 *   await using engine = await host.startEngine();
 *   await host.docker("run", "-d", "--name", "a", "busybox");
 * });
 * ```
 *
 * A host has network, mount, UTS and PID namespaces of its own, with its own /proc, /sys, /run and resolv.conf;
 * data and exec roots; and a cgroup parent. Its `eth0` (203.0.113.2, 2001:db8::2) leads to an outside namespace
 * (203.0.113.1, 2001:db8::1) that resolves the names of internet.ts, answers ping for them, and has no route
 * back to any container: an answer from there proves NAT. Nothing else of the world can be reached.
 *
 * Whatever way the test ends, host.sh removes it all. Several hosts stand side by side.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { type CommandOptions, type CommandResult, run } from "./command.ts";
import { type EngineOptions, EngineProcess } from "./engine-process.ts";
import { Pty } from "./pty.ts";

export { needsRoot } from "./root.ts";

export interface HostOptions {
  /** Written in the new namespace before anything else: `{ "net.ipv4.ip_forward": "1" }`. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

const HOLDER = join(import.meta.dirname, "host.sh");

export class ThrowawayHost implements AsyncDisposable {
  /** Holds everything below; the machine's own path. */
  readonly directory: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  /** `unix://…`, reached from the test's process and from the host alike. */
  readonly address: string;
  /** Below every cgroup hierarchy's root. */
  readonly cgroupParent: string;
  /** The host's init, by the test's own count of processes: `/proc/<pid>/ns/net` is the host's namespace. */
  readonly pid: number;
  readonly #holder: ChildProcess;
  readonly #complaints: () => string;

  private constructor(
    directory: string,
    cgroupParent: string,
    holder: ChildProcess,
    pid: number,
    complaints: () => string,
  ) {
    this.directory = directory;
    this.dataRoot = join(directory, "data");
    this.execRoot = join(directory, "exec");
    this.address = `unix://${join(directory, "engine.sock")}`;
    this.cgroupParent = cgroupParent;
    this.pid = pid;
    this.#holder = holder;
    this.#complaints = complaints;
  }

  static async create(options: HostOptions = {}): Promise<ThrowawayHost> {
    const directory = mkdtempSync(join(tmpdir(), "drawbridge-host-"));
    for (const name of ["data", "exec", "docker"]) mkdirSync(join(directory, name));
    const parent = `drawbridge-test-${randomBytes(4).toString("hex")}`;
    // A session of its own: Ctrl-C at a terminal must not reach the one that cleans up.
    const holder = spawn("sh", [HOLDER, directory, parent, process.execPath], {
      stdio: "pipe",
      detached: true,
    });
    let complaints = "";
    holder.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
    // Its two lines come in any order: the outside's DNS server starts while the rest is made.
    const lines: string[] = [];
    for await (const line of createInterface(holder.stdout)) if (lines.push(line) === 2) break;
    const pid = Number(lines.find((line) => line !== "ready"));
    if (lines.length < 2) {
      if (holder.exitCode === null) await once(holder, "exit");
      throw new Error(`throwaway host: ${complaints}`);
    }
    const host = new ThrowawayHost(directory, parent, holder, pid, () => complaints);
    try {
      for (const [key, value] of Object.entries(options.sysctls ?? {})) {
        await host.run("sysctl", ["-qw", `${key}=${value}`]);
      }
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
    return host;
  }

  /** Run a command in the host, as root, in `/`. @throws as `run` of command.ts */
  run(command: string, args: readonly string[] = [], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#run(`/proc/${this.pid}/ns/net`, command, args, options);
  }

  /** Run a command in the outside network namespace; mounts and processes are the host's. */
  runOutside(
    command: string,
    args: readonly string[] = [],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    return this.#run(`/proc/${this.pid}/root${this.directory}/outside`, command, args, options);
  }

  /** Run the real `docker` command against the host's engine. */
  docker(...args: string[]): Promise<CommandResult> {
    return this.run("docker", args);
  }

  /** The same, where its exit code is what is asked for. */
  tryDocker(...args: string[]): Promise<CommandResult> {
    return this.run("docker", args, { check: false });
  }

  /** A command in the host with a terminal of its own, 80 columns by 24 rows. */
  pty(command: string, args: readonly string[] = []): Pty {
    return new Pty((argv) => this.enter(argv), this.environment, [command, ...args]);
  }

  /** An engine in this host, ready to answer. Each further one finds what the one before left behind. */
  startEngine(options: EngineOptions = {}): Promise<EngineProcess> {
    return EngineProcess.start(this, options);
  }

  /** The command line that runs `argv` in the host. */
  enter(argv: readonly string[], netns = `/proc/${this.pid}/ns/net`): readonly string[] {
    return [
      "nsenter",
      "--target",
      String(this.pid),
      `--net=${netns}`,
      "--mount",
      "--uts",
      "--pid",
      "--",
      ...argv,
    ];
  }

  /** What commands in the host see of the environment: nothing of the test's own but PATH. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      TERM: "xterm",
      HOME: this.directory,
      DOCKER_CONFIG: join(this.directory, "docker"),
      DOCKER_HOST: this.address,
    };
  }

  /** @throws Error that names what could not be removed */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#holder.exitCode === null ? once(this.#holder, "close") : undefined;
    this.#holder.stdin?.end();
    await ended;
    if (this.#complaints()) throw new Error(`throwaway host: ${this.#complaints()}`);
  }

  #run(
    netns: string,
    command: string,
    args: readonly string[],
    options: CommandOptions,
  ): Promise<CommandResult> {
    return run(this.enter([command, ...args], netns), this.environment, {
      ...options,
      about: [command, ...args].join(" "),
    });
  }
}
