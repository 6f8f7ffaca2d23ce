/**
 * skopeo(1), which talks to registries: run in surroundings of our own, so that neither the user's home nor the
 * machine's own configuration changes what it does. Certificates are looked for in /etc/docker/certs.d, as Docker does.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { internal, notBuiltIn } from "../lib/errors.ts";
import { findProgram } from "../lib/programs.ts";
import { lastWord, SkopeoError } from "./refusals.ts";
import type { RegistrySettings } from "./trust.ts";
import { mirrorLocation, mirrorsOf, registriesConf, trustsBlindly } from "./trust.ts";
import type { Credentials } from "./types.ts";

/** A manifest, an index or a config: registries take none beyond 4 MiB, and neither do we beyond this. */
const MOST_OUTPUT = 16 << 20;
const MOST_COMPLAINT = 64 << 10;
const ACCEPT_ALL = { default: [{ type: "insecureAcceptAnything" }] };

/** What the program may know of ours: its way through a proxy, and whom it trusts. */
const HANDED_ON = /^(PATH|LANG|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY)$/i;

export interface Surroundings {
  readonly settings: RegistrySettings;
  /** For what must be gone with a reboot: credentials. Private. */
  readonly secrets: string;
  /** For layers on their way. */
  readonly transfers: string;
  /** Kept: where the program notes which repository has which blob. */
  readonly notes: string;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly input?: string;
  /** Each line of standard error. */
  readonly onLine?: (line: string) => void;
  readonly onSpawn?: (pid: number) => void;
}

/** One transfer's surroundings: its credentials, its trust, its files. Gone when disposed of. */
export class Session implements AsyncDisposable {
  /** Where the transfer's files are; each program's working directory, by which a later engine knows it. */
  readonly directory: string;
  readonly authFile: string;
  readonly #program: string;
  readonly #secrets: string;
  readonly #notes: string;
  readonly #running = new Set<Promise<unknown>>();

  private constructor(program: string, surroundings: Surroundings) {
    const id = randomUUID();
    this.#program = program;
    this.#notes = surroundings.notes;
    this.#secrets = join(surroundings.secrets, id);
    this.directory = join(surroundings.transfers, id);
    this.authFile = join(this.#secrets, "auth.json");
  }

  /**
   * @param domain the registry
   * @throws not-built-in where there is no skopeo on this machine
   */
  static async open(
    surroundings: Surroundings,
    domain: string,
    credentials: Credentials | undefined,
  ): Promise<Session> {
    const program = findProgram("skopeo");
    if (!program) {
      throw notBuiltIn("skopeo, which talks to registries, is not installed: apt install skopeo");
    }
    const session = new Session(program, surroundings);
    const { settings } = surroundings;
    const mirrors = mirrorsOf(domain, settings).map(mirrorLocation);
    const hosts = [domain, ...mirrors.map(({ location }) => location.split("/", 1)[0] ?? location)];
    const insecure = new Set<string>();
    for (const host of hosts) {
      if (await trustsBlindly(host, settings)) insecure.add(host);
    }
    const files = {
      "auth.json": JSON.stringify(authFile(domain, credentials)),
      "policy.json": JSON.stringify(ACCEPT_ALL),
      "registries.conf": registriesConf(domain, settings, (location) => insecure.has(location)),
    };
    try {
      session.#prepare(files);
    } catch (thrown) {
      await session[Symbol.asyncDispose]();
      throw thrown;
    }
    return session;
  }

  /**
   * Run it to its end. @returns what it wrote to standard output
   * @throws SkopeoError with its last word; the signal's reason
   */
  run(args: readonly string[], options: RunOptions): Promise<Buffer> {
    const ended = this.#run(args, options);
    this.#running.add(ended);
    const forget = () => void this.#running.delete(ended);
    ended.then(forget, forget);
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#running);
    rmSync(this.#secrets, { recursive: true, force: true });
    rmSync(this.directory, { recursive: true, force: true });
  }

  #prepare(files: Readonly<Record<string, string>>): void {
    for (const directory of [this.directory, this.#secrets, join(this.#secrets, "registries.d")]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.#secrets, name), text, { mode: 0o600, flag: "wx" });
    }
  }

  async #run(args: readonly string[], { signal, input, onLine, onSpawn }: RunOptions): Promise<Buffer> {
    signal.throwIfAborted();
    const global = [
      "--registries-conf",
      join(this.#secrets, "registries.conf"),
      "--registries.d",
      join(this.#secrets, "registries.d"),
      "--policy",
      join(this.#secrets, "policy.json"),
      "--tmpdir",
      this.directory,
    ];
    const child = spawn(this.#program, [...global, ...args], {
      cwd: this.directory,
      env: this.#environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const stop = () => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    try {
      const code = new Promise<number | null>((resolve, reject) => {
        child.once("error", reject).once("close", resolve);
      });
      if (child.pid !== undefined) onSpawn?.(child.pid);
      child.stdin.on("error", () => {}); // it may end without having read all: its exit code tells why
      child.stdin.end(input ?? "");
      const pieces: Buffer[] = [];
      let length = 0;
      child.stdout.on("data", (piece: Buffer) => {
        length += piece.length;
        if (length > MOST_OUTPUT) stop();
        else pieces.push(piece);
      });
      let complaint = "";
      createInterface(child.stderr).on("line", (line) => {
        complaint = `${complaint}${line}\n`.slice(-MOST_COMPLAINT);
        onLine?.(line);
      });
      const status = await code;
      signal.throwIfAborted();
      if (length > MOST_OUTPUT) throw internal(`the registry's answer is longer than ${MOST_OUTPUT} bytes`);
      if (status !== 0) throw new SkopeoError(lastWord(complaint) || `skopeo ended with ${status}`);
      return Buffer.concat(pieces);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => HANDED_ON.test(name))),
      HOME: this.#secrets,
      XDG_RUNTIME_DIR: this.#secrets,
      // As for any user but root, it keeps its notes where this says, not in /var/lib/containers.
      XDG_DATA_HOME: this.#notes,
      _CONTAINERS_ROOTLESS_UID: "1",
    };
  }
}

/** containers-auth.json(5). */
function authFile(domain: string, credentials: Credentials | undefined): object {
  const { username, password, identityToken, registryToken } = credentials ?? {};
  if (registryToken) throw notBuiltIn("registry tokens are not built in: give a user and a password");
  if (identityToken) {
    const auth = Buffer.from(`${username || "<token>"}:`).toString("base64");
    return { auths: { [domain]: { auth, identitytoken: identityToken } } };
  }
  if (!username) return { auths: {} };
  return { auths: { [domain]: { auth: Buffer.from(`${username}:${password ?? ""}`).toString("base64") } } };
}

/** For an address that a person gave, such as `https://index.docker.io/v1/`. */
export function domainOf(server: string): string {
  const host = server.replace(/^https?:\/\//i, "").split("/", 1)[0] ?? "";
  return host === "" || /^(index|registry-1)\.docker\.io$/.test(host) ? "docker.io" : host;
}
