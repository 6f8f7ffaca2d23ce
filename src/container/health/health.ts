/** Health checks while a container runs: each probe's result becomes its health, and an event where that changes. */
import { mkdirSync } from "node:fs";
import { asError, internal, messageOf } from "../../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../../lib/events.ts";
import { formatDuration } from "../../lib/go-duration.ts";
import { type ExecID, newId } from "../../lib/ids.ts";
import type { Entry } from "../entry.ts";
import { execAction } from "../exec-action.ts";
import { linkVariables } from "../network/links.ts";
import type { Context } from "../options.ts";
import { healthDirectoryOf } from "../paths.ts";
import type { Probe, ProbeOutcome } from "../process/monitor-types.ts";
import { saveIfPossible } from "../save.ts";
import { execProcessOf } from "../spec/spec.ts";
import { accountsIn, resolveUser } from "../spec/user.ts";
import { execFailure } from "../start-failure.ts";
import type { Container, ExecRequest, HealthResult, State } from "../types.ts";
import {
  afterProbe,
  delayBeforeProbe,
  type HealthCheck,
  healthCheckOf,
  startingHealth,
  unwatchedHealth,
} from "./check.ts";

/** A probe that takes longer lets the next container have its turn. Milliseconds. */
const TURN = 1000;

/** setTimeout's own limit, milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What a container's start makes of its health. */
export function healthAtStart({ config, state }: Container): Pick<State, "health"> {
  return healthCheckOf(config) ? { health: startingHealth(state.health) } : {};
}

/** From now on, until `endHealthWatch`, it is probed: where it has a check, runs, and is not paused. */
export function watchHealth(context: Context, entry: Entry): void {
  const { config, state } = entry.container;
  const check = healthCheckOf(config);
  endHealthWatch(entry);
  if (check && state.health && state.status === "running") {
    entry.healthWatch = new HealthWatch(context, entry, check);
  }
}

/** @returns what its state becomes with that: to be saved with what was the reason */
export function endHealthWatch(entry: Entry): Pick<State, "health"> {
  const { health } = entry.container.state;
  entry.healthWatch?.end();
  entry.healthWatch = undefined;
  return health ? { health: unwatchedHealth(health) } : {};
}

export class HealthWatch {
  readonly #context: Context;
  readonly #entry: Entry;
  readonly #check: HealthCheck;
  // Node keeps timers of all containers in one queue, so that each is as cheap as an entry in a list.
  #timer: NodeJS.Timeout | undefined;
  #probe: Probe | undefined;
  #over = false;

  constructor(context: Context, entry: Entry, check: HealthCheck) {
    this.#context = context;
    this.#entry = entry;
    this.#check = check;
    this.#schedule();
  }

  /** Its health stays as it is. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#probe?.kill();
  }

  #schedule(): void {
    if (this.#over) return;
    const { health, startedAt } = this.#entry.container.state;
    const ran = Date.now() - Date.parse(startedAt);
    const delay = delayBeforeProbe(this.#check, health?.status ?? "starting", ran);
    this.#timer = setTimeout(
      () => {
        this.#round()
          .catch((thrown: unknown) =>
            this.#context.logger.error(
              { err: asError(thrown), container: this.#entry.container.id },
              "a health check failed",
            ),
          )
          .finally(() => this.#schedule());
      },
      Math.min(delay, LONGEST_TIMER),
    );
  }

  async #round(): Promise<void> {
    const giveBack = await this.#context.probes.take();
    const patience = setTimeout(giveBack, TURN);
    let result: HealthResult | undefined;
    try {
      if (!this.#over) result = await this.#result();
    } finally {
      clearTimeout(patience);
      giveBack();
    }
    if (result) await this.#settle(result);
  }

  async #result(): Promise<HealthResult> {
    const start = formatTime(nowNanoseconds());
    const ending = (exitCode: number, output: string): HealthResult => ({
      start,
      end: formatTime(nowNanoseconds()),
      exitCode,
      output,
    });
    try {
      const { exitCode, output, timedOut } = await this.#run();
      if (!timedOut) return ending(exitCode, output);
      const limit = formatDuration(Math.round(this.#check.timeout * 1e6));
      return ending(-1, `Health check exceeded timeout (${limit})${output ? `: ${output}` : ""}`);
    } catch (thrown) {
      return ending(-1, messageOf(execFailure(thrown, this.#check.command[0] ?? "").error));
    }
  }

  async #run(): Promise<ProbeOutcome> {
    const { tell, supervisor, host, images } = this.#context;
    const { container, run } = this.#entry;
    const { command, timeout } = this.#check;
    if (command.length === 0 || !run) {
      throw internal(`healthcheck for container ${container.id} has no command`);
    }
    const execID = newId<ExecID>();
    tell(container, execAction("exec_create", command), { execID });
    tell(container, execAction("exec_start", command), { execID });
    const accounts = accountsIn(images.filesystemOf(container.id).path);
    const user = resolveUser(container.config.User ?? "", container.hostConfig.GroupAdd, accounts);
    const linkEnvironment = linkVariables(container, this.#context);
    const process = execProcessOf(container, requestOf(command), { user, linkEnvironment }, host);
    const directory = healthDirectoryOf(run.bundle);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#probe = supervisor.probe({ container: container.id, process, directory, timeout });
    const outcome = await this.#probe.ended.finally(() => {
      this.#probe = undefined;
    });
    if (!this.#context.isDetached()) {
      tell(this.#entry.container, "exec_die", { execID, exitCode: String(outcome.exitCode) });
    }
    return outcome;
  }

  /** Its state is changed by one at a time; what ended it meanwhile has made its result worthless. */
  async #settle(result: HealthResult): Promise<void> {
    await this.#entry.mutex.run(async () => {
      const { container } = this.#entry;
      const { health, startedAt } = container.state;
      if (this.#over || !health) return;
      const next = afterProbe(health, this.#check, result, Date.parse(startedAt));
      const state = { ...container.state, health: next };
      if (next.status === health.status) {
        // Durable with the next change: no write for each probe.
        this.#context.registry.setState(this.#entry, state);
        return;
      }
      await saveIfPossible(this.#context, this.#entry, { state });
      this.#context.tell(this.#entry.container, `health_status: ${next.status}`);
    });
  }
}

const requestOf = (command: readonly string[]): ExecRequest => ({
  command,
  terminal: false,
  stdin: false,
  stdout: true,
  stderr: true,
  environment: [],
  user: "",
  workingDirectory: "",
  privileged: false,
});
