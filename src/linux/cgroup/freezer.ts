/** Whether a cgroup's processes are frozen. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CgroupLocation } from "./hierarchy.ts";

/** `freezer.state` of version 1: THAWED, FREEZING, FROZEN; `cgroup.freeze` of version 2: 0, 1. False where there is none. */
export function isFrozen(location: CgroupLocation): boolean {
  const directory = location("freezer");
  if (!directory) return false;
  const file = join(directory.path, directory.unified ? "cgroup.freeze" : "freezer.state");
  return !["0", "THAWED"].includes(readFileSync(file, "utf8").trim());
}
