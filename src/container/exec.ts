/** Further processes in a running container (Docker API, "Exec"). */
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../lib/detach-keys.ts";
import { asError, conflict, internal, invalid, notFound } from "../lib/errors.ts";
import { type ExecID, newId } from "../lib/ids.ts";
import { expectMove } from "../linux/cgroup/move.ts";
import type { Entry, Exec } from "./entry.ts";
import { execAction } from "./exec-action.ts";
import { linkVariables } from "./network/links.ts";
import type { Context } from "./options.ts";
import { execDirectoryOf } from "./paths.ts";
import type { Supervised } from "./process/monitor-types.ts";
import { execProcessOf } from "./spec/spec.ts";
import { accountsIn, type ProcessUser, resolveUser } from "./spec/user.ts";
import { execFailure } from "./start-failure.ts";
import { StreamSession } from "./streams/session.ts";
import type { ExecRequest, ExecView, Session } from "./types.ts";
import { checkWords } from "./validate.ts";

/** How long one that has ended can still be asked about. Milliseconds. */
const KEPT = 5 * 60_000;

/** How long a change of its terminal's size waits for its start. Milliseconds. */
const START_PATIENCE = 10_000;

export class Execs {
  readonly #context: Context;
  /** Which container an exec is of; the exec itself is with its container. */
  readonly #owners = new Map<ExecID, Entry>();

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * @param reference what the client calls the container
   * @throws conflict where the container does not run or is paused; invalid for bad detach keys
   */
  create(entry: Entry, request: ExecRequest, reference: string): ExecID {
    this.#forgetOld();
    checkRunning(entry, reference);
    const { container } = entry;
    if (request.command.length === 0 || request.command[0] === "") throw invalid("No exec command specified");
    checkWords([...request.command, ...request.environment, request.workingDirectory]);
    if (request.workingDirectory && !request.workingDirectory.startsWith("/")) {
      throw invalid(`working dir ${request.workingDirectory} must be an absolute path`);
    }
    if (request.detachKeys) parseDetachKeys(request.detachKeys, "escape");
    // Its start follows, and is spared the wait.
    expectMove();
    const id = newId<ExecID>();
    const user = request.user || container.config.User || "";
    entry.execs.set(id, {
      id,
      request: { ...request, user },
      running: false,
      exitCode: null,
      begun: Promise.withResolvers(),
    });
    this.#owners.set(id, entry);
    this.#context.tell(container, execAction("exec_create", request.command), { execID: id });
    return id;
  }

  /** @throws not-found; conflict where it ran already or its container does not run; invalid for an unknown user; RuntimeError */
  async start(
    reference: string,
    options: { readonly detach: boolean; readonly consoleSize?: readonly [number, number] },
  ): Promise<Session | undefined> {
    const { exec, entry } = this.#find(reference);
    checkRunning(entry);
    if (exec.exitCode !== null) throw conflict(`exec command ${exec.id} has already run`);
    if (exec.running) throw conflict(`exec command ${exec.id} is already running`);
    exec.running = true;
    expectMove();
    const { request } = exec;
    this.#context.tell(entry.container, execAction("exec_start", request.command), { execID: exec.id });
    try {
      const supervised = await this.#run(entry, exec, options.consoleSize ?? request.consoleSize);
      exec.supervised = supervised;
      exec.pid = supervised.record.process.pid;
      exec.begun.resolve();
      const session = options.detach ? undefined : this.#session(entry, exec, supervised);
      void supervised.exited.then(({ code }) => this.#ended(entry, exec, code));
      return session;
    } catch (thrown) {
      const { error, exitCode } = execFailure(thrown, request.command[0] ?? "");
      this.#finish(exec, exitCode);
      exec.begun.resolve();
      await rm(this.#directoryOf(entry, exec), { recursive: true, force: true });
      throw error;
    }
  }

  async #run(entry: Entry, exec: Exec, size: readonly [number, number] | undefined): Promise<Supervised> {
    const { container, run } = entry;
    const { request } = exec;
    if (!run) throw conflict(`container ${container.id} is not running`);
    const user = this.#userOf(entry, request);
    const linkEnvironment = linkVariables(container, this.#context);
    const process = execProcessOf(container, request, { user, linkEnvironment }, this.#context.host, size);
    const directory = this.#directoryOf(entry, exec);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return this.#context.supervisor.exec({
      container: container.id,
      exec: { id: exec.id, process },
      bundle: run.bundle,
      directory,
      terminal: request.terminal,
      openStdin: request.stdin,
      stdinOnce: true,
    });
  }

  /** As the container's own, but for a user that the exec names. */
  #userOf({ container }: Entry, request: ExecRequest): ProcessUser {
    const rootfs = this.#context.images.filesystemOf(container.id).path;
    return resolveUser(
      request.user || container.config.User || "",
      container.hostConfig.GroupAdd,
      accountsIn(rootfs),
    );
  }

  #session(entry: Entry, exec: Exec, supervised: Supervised): Session {
    const { request } = exec;
    const session = new StreamSession({
      attach: { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr },
      terminal: request.terminal,
      detachKeys: request.detachKeys ? parseDetachKeys(request.detachKeys) : DEFAULT_DETACH_KEYS,
      onDetach: () => this.#context.tell(entry.container, "exec_detach", { execID: exec.id }),
      onEnd: () => {},
    });
    session.bind(supervised);
    return session;
  }

  #ended(entry: Entry, exec: Exec, exitCode: number): void {
    this.#finish(exec, exitCode);
    if (this.#context.isDetached()) return;
    this.#context.tell(entry.container, "exec_die", { execID: exec.id, exitCode: String(exitCode) });
    rm(this.#directoryOf(entry, exec), { recursive: true, force: true }).catch((thrown: unknown) =>
      this.#context.logger.warn(
        { err: asError(thrown), exec: exec.id },
        "an exec's directory was left behind",
      ),
    );
  }

  #finish(exec: Exec, exitCode: number): void {
    exec.running = false;
    exec.exitCode = exitCode;
    // It is told of for a while; its streams are not needed any more.
    delete exec.supervised;
    exec.endedAt = Date.now();
  }

  #directoryOf = (entry: Entry, exec: Exec): string =>
    execDirectoryOf(this.#context, entry.container.id, exec.id);

  /** @throws not-found */
  inspect(reference: string): ExecView {
    const { exec, entry } = this.#find(reference);
    return {
      id: exec.id,
      container: entry.container.id,
      request: exec.request,
      running: exec.running,
      exitCode: exec.exitCode,
      pid: exec.pid ?? 0,
    };
  }

  /** @throws not-found; conflict where it has ended; internal where it is not started before long */
  async resize(reference: string, size: { readonly columns: number; readonly rows: number }): Promise<void> {
    const { exec, entry } = this.#find(reference);
    checkRunning(entry);
    // Clients tell a terminal's size while its process is being started.
    const patience = new AbortController();
    const late = delay(START_PATIENCE, true, { signal: patience.signal, ref: false }).catch(() => false);
    const isLate = await Promise.race([exec.begun.promise.then(() => false), late]);
    patience.abort();
    if (isLate) throw internal("timeout waiting for exec session ready");
    if (!exec.supervised) {
      throw exec.pid === undefined
        ? invalid("exec process is not started")
        : conflict("the process has ended");
    }
    await exec.supervised.resize(size);
  }

  #find(reference: string): { readonly exec: Exec; readonly entry: Entry } {
    const entry = this.#owners.get(reference as ExecID);
    const exec = entry?.execs.get(reference as ExecID);
    const gone = !entry || this.#context.registry.get(entry.container.id) !== entry;
    if (!exec || gone) throw notFound(`No such exec instance: ${reference}`);
    return { exec, entry };
  }

  /** Those that ended long ago, that never began and never can, and those of containers that are gone. */
  #forgetOld(): void {
    const now = Date.now();
    for (const [id, entry] of this.#owners) {
      const exec = entry.execs.get(id);
      const gone = this.#context.registry.get(entry.container.id) !== entry;
      const old = exec?.endedAt !== undefined && now - exec.endedAt > KEPT;
      const hopeless = exec?.exitCode === null && !exec.running && !entry.active;
      if (!gone && !old && !hopeless) continue;
      entry.execs.delete(id);
      this.#owners.delete(id);
    }
  }
}

/** @throws conflict, in Docker's words */
function checkRunning({ container, active }: Entry, reference: string = container.id): void {
  const { status } = container.state;
  if (status === "restarting") {
    throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
  }
  if (!active) throw conflict(`container ${container.id} is not running`);
  if (status === "paused") {
    throw conflict(`Container ${reference} is paused, unpause the container before exec`);
  }
}
