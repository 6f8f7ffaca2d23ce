/** What conmon leaves in a run's directory (`--persist-dir`) when its process has ended. */
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { formatTime, nowNanoseconds } from "../../lib/events.ts";
import type { ExitStatus } from "./monitor-types.ts";

/** Where nobody saw how it ended: a reboot, a monitor that was killed. */
const UNKNOWN = 255;

/** @returns undefined where there is no exit file: the process runs, or its monitor was killed */
export function readExit(directory: string): ExitStatus | undefined {
  const path = join(directory, "exit");
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!file) return undefined;
  const code = Number(readFileSync(path, "utf8").trim());
  return {
    code: Number.isInteger(code) && code >= 0 ? code : UNKNOWN,
    finishedAt: formatTime(file.mtimeNs),
    oomKilled: existsSync(join(directory, "oom")),
  };
}

/** The status of a process that ended unseen. */
export const unknownExit = (): ExitStatus => ({
  code: UNKNOWN,
  finishedAt: formatTime(nowNanoseconds()),
  oomKilled: false,
});

/** Whatever an earlier run left in `directory`: an old exit file would be taken for the new run's. */
export function clearExit(directory: string): void {
  for (const name of ["exit", "oom"]) rmSync(join(directory, name), { force: true });
}
