/** The cgroups of RUN steps: the runtime makes them, and whoever ends a build removes what it left. */
import { existsSync, readdirSync, rmdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../lib/errors.ts";
import { hierarchiesOf } from "../linux/cgroup/hierarchy.ts";
import { mounts } from "../linux/mount.ts";

const ATTEMPTS = 50;
/** CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC of linux/magic.h: another mount may lie over a hierarchy's. */
const MAGIC: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

/** Remove a cgroup and those in it, in every hierarchy. A process that is dying keeps its cgroup for a moment. */
export async function removeCgroup(path: string): Promise<void> {
  const directories = hierarchiesOf(mounts()).map(({ mountpoint }) => join(mountpoint, path));
  const isCgroup = (path: string) => existsSync(path) && MAGIC.has(statfsSync(path).type);
  for (const directory of new Set(directories.filter(isCgroup))) {
    for (let attempt = 1; !removeTree(directory, attempt === ATTEMPTS); attempt += 1) await sleep(10);
  }
}

/** @returns false where a process is in it yet; `last` throws instead */
function removeTree(directory: string, last: boolean): boolean {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(directory, entry.name), last)) return false;
    }
    rmdirSync(directory);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return true;
    if (codeOf(thrown) === "EBUSY" && !last) return false;
    throw thrown;
  }
  return true;
}
