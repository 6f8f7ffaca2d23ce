import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** By what every process says of its parent: not every kernel lists children. proc(5), `stat`, fields 2 to 4. */
export function childrenOf(parent: number | undefined): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => parentOf(pid) === parent);
}

/**
 * Kill what nsenter(1) runs, and so nsenter with it. Were nsenter killed, its child would be orphaned into the
 * machine's PID namespace, and stay there as a zombie for as long as the machine's init likes.
 */
export function killChildrenOf(parent: number | undefined): void {
  for (const pid of childrenOf(parent)) process.kill(pid, "SIGKILL");
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // it has ended since the directory was read
  }
}
