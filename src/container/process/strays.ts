/**
 * What an engine leaves that died between having a process made and recording it: a monitor, a runtime still at
 * work or waiting for `start`, and their cgroups. No record leads to them; they are told by their command lines.
 */
import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, internal } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";

/** Milliseconds: how long the kernel may take to end what was killed, and between two looks. */
const PATIENCE = 10_000;
const PAUSE = 5;

/**
 * Of processes that run the runtime at `root`, or watch over one that does, the containers that they are about.
 * A process that was started has become the user's, with a command line of its own: it is never among them.
 */
export function strayProcesses(
  root: string,
  containers: ReadonlySet<ContainerID>,
  processes: readonly { readonly pid: number; readonly arguments: readonly string[] }[],
): readonly number[] {
  const marks = new Set([root, `--runtime-arg=${root}`]);
  return processes.flatMap(({ pid, arguments: words }) =>
    words.some((word) => marks.has(word)) && words.some((word) => containers.has(word as ContainerID))
      ? [pid]
      : [],
  );
}

/**
 * End all that is at work on these containers, none of which has a run on record. Looked for again until there is
 * nothing: a monitor that was just forked shows up late, and one that is killed leaves its runtime behind.
 * @throws internal where something outlives SIGKILL
 */
export async function endStrays(root: string, containers: ReadonlySet<ContainerID>): Promise<void> {
  if (containers.size === 0) return;
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const strays = strayProcesses(root, containers, commandLines());
    if (strays.length === 0) return;
    if (Date.now() > deadline) throw internal(`processes outlive SIGKILL: ${strays.join(", ")}`);
    for (const pid of strays) kill(pid);
    await sleep(PAUSE);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (codeOf(thrown) !== "ESRCH") throw thrown;
  }
}

/** proc_pid_cmdline(5). Of a zombie, and of a kernel thread, it is empty. */
function commandLines() {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [{ pid: Number(name), arguments: readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0") }];
    } catch (thrown) {
      if (["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "")) return [];
      throw thrown;
    }
  });
}

/**
 * Remove cgroups that the runtime made and did not live to write down. `path` is below each hierarchy's root;
 * systemd removes its scopes itself.
 * @throws what keeps one from being removed: EBUSY where a process stays in it
 */
export async function removeCgroups(path: string): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  for (const at of hierarchiesOf(path)) {
    while (!isRemoved(at, deadline)) await sleep(PAUSE);
  }
}

/** The same at once: @returns false where something is in one of them still, a process or a cgroup of the container's own making */
export function removeEmptyCgroups(path: string): boolean {
  return hierarchiesOf(path).every((at) => isRemoved(at, Number.POSITIVE_INFINITY));
}

const TOP = "/sys/fs/cgroup";
const hierarchiesOf = (path: string): readonly string[] => [
  join(TOP, path),
  ...readdirSync(TOP).map((name) => join(TOP, name, path)),
];

function isRemoved(cgroup: string, deadline: number): boolean {
  try {
    rmdirSync(cgroup);
  } catch (thrown) {
    // The killed leave it a moment after they are gone from sight.
    if (codeOf(thrown) === "EBUSY" && Date.now() < deadline) return false;
    // Never made; below a file of the unified hierarchy; where none can be made; a plain directory, not a cgroup.
    if (!["ENOENT", "ENOTDIR", "EROFS", "ENOTEMPTY"].includes(codeOf(thrown) ?? "")) throw thrown;
  }
  return true;
}
