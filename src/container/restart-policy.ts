/** Whether and when a container that ended is started again (Docker API, RestartPolicy). Pure. */
import type { RestartPolicy } from "./types.ts";

/** Milliseconds. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** A run of this length was a good one: the next failure begins with the shortest delay again. */
const GOOD_RUN = 10_000;

export interface Ending {
  readonly exitCode: number;
  /** Milliseconds that it ran. */
  readonly ran: number;
  /** How often the policy has started it again since a user did. */
  readonly restartCount: number;
  readonly stoppedByUser: boolean;
  /** The delay before this run; 0 where a user started it. Milliseconds. */
  readonly lastDelay: number;
}

/** Milliseconds to wait before the next start, or undefined for none. */
export function restartDelay(policy: RestartPolicy, ending: Ending): number | undefined {
  if (ending.stoppedByUser || !wantsRestart(policy, ending)) return undefined;
  if (ending.lastDelay === 0 || ending.ran >= GOOD_RUN) return FIRST_DELAY;
  return Math.min(ending.lastDelay * 2, LONGEST_DELAY);
}

function wantsRestart(
  { Name, MaximumRetryCount }: RestartPolicy,
  { exitCode, restartCount }: Pick<Ending, "exitCode" | "restartCount">,
): boolean {
  if (Name === "always" || Name === "unless-stopped") return true;
  if (Name !== "on-failure" || exitCode === 0) return false;
  return MaximumRetryCount === 0 || restartCount < MaximumRetryCount;
}

/**
 * Whether the engine's start is to start it: as above, but `always` means it even for those that a user
 * stopped, which is Docker's way.
 */
export function restartsWithEngine(
  policy: RestartPolicy,
  last: Pick<Ending, "exitCode" | "restartCount" | "stoppedByUser">,
): boolean {
  return (policy.Name === "always" || !last.stoppedByUser) && wantsRestart(policy, last);
}
