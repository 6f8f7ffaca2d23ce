/** The limits of a cgroup as they stand in its files: kept before a change, and given back where it fails half-way. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { throwAll } from "../../lib/errors.ts";
import type { CgroupLocation } from "./hierarchy.ts";
import { readIfEnabled } from "./read.ts";

/** By controller of version 1, and of version 2 where that has it under another name. */
const FILES: readonly (readonly [
  controller: string,
  version1: readonly string[],
  version2: readonly string[],
])[] = [
  [
    "memory",
    ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes"],
    ["memory.max", "memory.swap.max", "memory.low"],
  ],
  [
    "cpu",
    ["cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.rt_period_us", "cpu.rt_runtime_us"],
    ["cpu.weight", "cpu.max"],
  ],
  ["cpuset", ["cpuset.cpus", "cpuset.mems"], ["cpuset.cpus", "cpuset.mems"]],
  ["blkio", ["blkio.weight", "blkio.bfq.weight"], ["io.weight", "io.bfq.weight"]],
  ["pids", ["pids.max"], ["pids.max"]],
];

/** What stands in each file, by its path. */
export type KeptLimits = ReadonlyMap<string, string>;

export function keepLimits(location: CgroupLocation): KeptLimits {
  const kept = new Map<string, string>();
  for (const [controller, version1, version2] of FILES) {
    const directory = location(controller);
    if (!directory) continue;
    for (const name of directory.unified ? version2 : version1) {
      const path = join(directory.path, name);
      const text = readIfEnabled(path);
      if (text !== undefined) kept.set(path, text);
    }
  }
  return kept;
}

/** Some can't be given back before others are: once more for these. @throws what can't at all */
export function giveBackLimits(kept: KeptLimits): void {
  const refused = [...kept].filter(([path, text]) => readIfEnabled(path) !== text && !isWritten(path, text));
  const errors = refused.flatMap(([path, text]) => {
    try {
      writeLimit(path, text);
      return [];
    } catch (thrown) {
      return [thrown];
    }
  });
  throwAll("give back what was", errors);
}

function isWritten(path: string, text: string): boolean {
  try {
    writeLimit(path, text);
    return true;
  } catch {
    return false;
  }
}

/** An empty list of processors is written as an empty line. */
const writeLimit = (path: string, text: string): void =>
  writeFileSync(path, text === "" ? "\n" : text, { flag: "r+" });

/** As many processes as there may be. The file is the same in both versions. */
export function liftPidsLimit(location: CgroupLocation): void {
  const directory = location("pids");
  if (directory) writeLimit(join(directory.path, "pids.max"), "max");
}
