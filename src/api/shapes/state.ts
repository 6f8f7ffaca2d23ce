import type { State } from "../../container/types.ts";
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
  };
}

/** `Status` of the list: `Up 3 seconds`, `Exited (0) 2 minutes ago`. `now` in milliseconds since 1970. */
export function statusText(state: State, now: number): string {
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt, now)}`;
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
