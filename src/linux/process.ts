/** Processes as /proc tells of them. */
import { readFileSync } from "node:fs";
import { codeOf } from "../lib/errors.ts";

/** What /proc/<pid>/stat says, as far as it is of use here: proc_pid_stat(5). */
export interface ProcessStat {
  /** `R` running, `S` sleeping, `Z` ended and not yet waited for … */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks since boot, as text: with the pid it names one process for good. */
  readonly startTime: string;
}

/**
 * `4711 (a name) S 1 …`: the name may hold spaces and parentheses, so fields are counted from the last `)`.
 * @returns undefined for text of another form
 */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(/\s+/);
  const [state, parent] = fields; // fields 3 and 4
  const startTime = fields[19]; // field 22
  if (state === undefined || startTime === undefined || !/^\d+$/.test(startTime)) return undefined;
  return { state, parent: Number(parent), startTime };
}

/** @returns undefined where there is no such process */
export function statOf(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

/** ENOENT before opening, ESRCH when it goes between opening and reading. */
const isGone = (thrown: unknown): boolean => ["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "");
