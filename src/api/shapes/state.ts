import type { Health, State } from "../../container/types.ts";
import { NEVER, since } from "./time.ts";

/** `State` of inspect (Engine API, ContainerState). */
export function stateOf(state: State) {
  const { status } = state;
  return {
    Status: status,
    // A paused container and one waiting to be started again count as running.
    Running: status === "running" || status === "paused" || status === "restarting",
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(state.health && { Health: healthOf(state.health) }),
  };
}

/** Engine API, Health. */
const healthOf = ({ status, failingStreak, log }: Health) => ({
  Status: status,
  FailingStreak: failingStreak,
  Log: log.map(({ start, end, exitCode, output }) => ({
    Start: start,
    End: end,
    ExitCode: exitCode,
    Output: output,
  })),
});

const healthNote = ({ health }: State): string =>
  health ? ` (${health.status === "starting" ? "health: starting" : health.status})` : "";

/** `Status` of the list: `Up 3 seconds`, `Exited (0) 2 minutes ago`. `now` in milliseconds since 1970. */
export function statusText(state: State, now: number): string {
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt, now)}${healthNote(state)}`;
    case "paused":
      return `Up ${since(state.startedAt, now)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt, now)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      // A container whose very start failed has never run.
      if (state.startedAt === NEVER && state.finishedAt === NEVER) return "Created";
      return `Exited (${state.exitCode}) ${since(state.finishedAt, now)} ago`;
  }
}
