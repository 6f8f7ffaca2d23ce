/** buildah as a program: found, confined to directories of our own, and never left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { codeOf, internal, notBuiltIn, unavailable } from "../lib/errors.ts";
import { findProgram } from "../lib/programs.ts";

export interface BuildahOptions {
  /** What lasts: its images, which are the build's cache. */
  readonly dataRoot: string;
  /** What a reboot may take: settings, state. */
  readonly execRoot: string;
  /** As the engine's own images are kept: what works for them works here. */
  readonly storageDriver: () => "overlay2" | "vfs";
  /** Of RUN steps; what the builder gives by itself differs between its releases. */
  readonly capabilities: readonly string[];
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Nothing more is read before it has resolved: the build waits with whoever listens. */
  readonly onStdout?: (text: string) => Promise<void> | void;
  readonly onStderr?: (text: string) => Promise<void> | void;
  readonly cwd?: string;
  /** What it finds there besides its own: read by nobody but root. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const WITHOUT =
  "building images needs buildah, which is not installed: apt-get install buildah (dnf install buildah)";

/** Of the surroundings, what its downloads need: nothing of it reaches a RUN step. */
const PASSED_ON = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

export class Buildah {
  readonly #options: BuildahOptions;

  constructor(options: BuildahOptions) {
    this.#options = options;
  }

  get storage(): string {
    return join(this.#options.dataRoot, "storage");
  }

  /** @throws not-built-in where it is not installed, with what to do */
  static require(): string {
    const program = findProgram("buildah");
    if (program === undefined) throw notBuiltIn(WITHOUT);
    return program;
  }

  /** Write what it is told instead of the machine's settings, so that nothing of those has a say. */
  configure(): void {
    const { execRoot, dataRoot, capabilities } = this.#options;
    const own = ["home", "hooks"].map((name) => join(execRoot, name));
    const kept = ["tmp", "storage"].map((name) => join(dataRoot, name));
    for (const directory of [...own, ...kept]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    const list = (words: readonly string[]) => words.map((word) => JSON.stringify(word)).join(", ");
    const files: Readonly<Record<string, string>> = {
      "registries.conf": 'unqualified-search-registries = []\nshort-name-mode = "disabled"\n',
      "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
      "auth.json": "{}\n",
      "mounts.conf": "",
      ignore: "",
      "storage.conf": `[storage]\ndriver = "${this.#driver}"\ngraphroot = "${this.storage}"\nrunroot = "${join(execRoot, "run")}"\n`,
      "containers.conf": `[containers]\ndefault_capabilities = [${list(capabilities)}]\ndefault_ulimits = []\nhttp_proxy = false\n`,
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(execRoot, name), content);
  }

  get #driver(): string {
    return this.#options.storageDriver() === "vfs" ? "vfs" : "overlay";
  }

  get #environment(): NodeJS.ProcessEnv {
    const { execRoot, dataRoot } = this.#options;
    const at = (name: string) => join(execRoot, name);
    return {
      ...Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]])),
      PATH: process.env.PATH,
      LC_ALL: "C",
      HOME: at("home"),
      TMPDIR: join(dataRoot, "tmp"),
      CONTAINERS_CONF: at("containers.conf"),
      CONTAINERS_STORAGE_CONF: at("storage.conf"),
      CONTAINERS_REGISTRIES_CONF: at("registries.conf"),
      REGISTRY_AUTH_FILE: at("auth.json"),
    };
  }

  /** Files of its settings, by name: `ignore` is an empty one. */
  settings(name: "policy.json" | "hooks" | "ignore"): string {
    return join(this.#options.execRoot, name);
  }

  /**
   * Run it to its end. It has namespaces of its own for mounts and processes: when it ends, by itself, by `signal` or
   * with the engine (prctl(2), PR_SET_PDEATHSIG), all that it started and mounted ends with it.
   * @returns its exit code; -1 where it was killed
   */
  async run(args: readonly string[], options: RunOptions = {}): Promise<number> {
    const { signal, onStdout, onStderr, cwd, environment } = options;
    if (signal?.aborted) return -1;
    const child = spawn(this.#confined("setpriv"), this.#arguments(args), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...this.#environment, ...environment },
      ...(cwd !== undefined && { cwd }),
    });
    const kill = () => void child.kill("SIGKILL");
    signal?.addEventListener("abort", kill, { once: true });
    try {
      const read = [consume(child.stdout, onStdout), consume(child.stderr, onStderr)];
      const code = await ended(child);
      await Promise.all(read);
      return code;
    } finally {
      signal?.removeEventListener("abort", kill);
    }
  }

  /** Run it for what it writes. @throws internal with what it said */
  async read(...args: readonly string[]): Promise<string> {
    let [output, complaint] = ["", ""];
    const code = await this.run(args, {
      onStdout: (text) => {
        output += text;
      },
      onStderr: (text) => {
        complaint = (complaint + text).slice(-4000);
      },
    });
    if (code === 0) return output;
    const why = complaint.trim().replace(/^Error: /, "") || "no reason was given";
    throw internal(`buildah ${args[0]} ended with ${code}: ${why}`);
  }

  #confined(name: string): string {
    const program = findProgram(name);
    if (program === undefined) throw unavailable(`building images needs ${name}: apt-get install util-linux`);
    return program;
  }

  #arguments(args: readonly string[]): string[] {
    const { execRoot } = this.#options;
    return [
      "--pdeathsig",
      "KILL",
      "--",
      this.#confined("unshare"),
      "--mount",
      "--pid",
      "--fork",
      "--kill-child=KILL",
      "--mount-proc",
      "--",
      Buildah.require(),
      "--log-level",
      "error",
      "--root",
      this.storage,
      "--runroot",
      join(execRoot, "run"),
      "--storage-driver",
      this.#driver,
      "--default-mounts-file",
      join(execRoot, "mounts.conf"),
      ...args,
    ];
  }
}

async function consume(stream: Readable, hear: RunOptions["onStdout"]): Promise<void> {
  stream.setEncoding("utf8");
  for await (const text of stream) await hear?.(String(text));
}

/** Its pipes close when the last process that holds one is gone: nothing of it runs then. */
async function ended(child: ChildProcess): Promise<number> {
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? -1;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") throw notBuiltIn(WITHOUT);
    throw thrown;
  }
}
