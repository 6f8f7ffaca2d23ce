/**
 * A process is moved into a cgroup behind a lock that all forks and exits share (`cgroup_threadgroup_rwsem`). To take
 * it the kernel waits for a grace period of RCU, 8 to 15 ms, unless that has just been done: kernel/cgroup/cgroup.c,
 * kernel/rcu/sync.c.
 */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

const TOP = "/sys/fs/cgroup";

/**
 * A process will be moved in some milliseconds: begin the kernel's wait now, on a thread of the pool, by moving this
 * process to where it is. Nothing changes but the time; where that can't be written, the move takes as long as it does.
 */
export function expectMove(): void {
  const file = ownProcs(readFileSync("/proc/self/cgroup", "utf8"));
  writeFile(file, String(process.pid), { flag: "r+" }).catch(() => {});
}

/** Of any hierarchy: one with controllers where there is version 1. @param text /proc/self/cgroup, cgroups(7) */
export function ownProcs(text: string): string {
  const lines = text.split("\n").map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? []);
  const [, controllers = "", path = ""] =
    lines.find(([, names]) => names && !names.startsWith("name=")) ??
    lines.find(([, names]) => names === "") ??
    [];
  return join(TOP, controllers, path, "cgroup.procs");
}
