/** Who has a socket open: proc_pid_fd(5). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import type { SocketHolder } from "../types.ts";

/** What is said of processes that end while they are looked at, and of those that can't be. */
const PASSING = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

/** All sockets' holders, by inode, read in one pass. @throws what node:fs does where there is no /proc */
export function socketHolders(proc = "/proc"): ReadonlyMap<number, number> {
  const holders = new Map<number, number>();
  for (const pid of readdirSync(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const directory = `${proc}/${pid}/fd`;
    for (const fd of passing(() => readdirSync(directory)) ?? []) {
      const [, inode] =
        /^socket:\[(\d+)\]$/.exec(passing(() => readlinkSync(`${directory}/${fd}`)) ?? "") ?? [];
      if (inode !== undefined && !holders.has(Number(inode))) holders.set(Number(inode), Number(pid));
    }
  }
  return holders;
}

/** Undefined for a process that is gone. */
export function holderOf(pid: number, proc = "/proc"): SocketHolder | undefined {
  const name = passing(() => readFileSync(`${proc}/${pid}/comm`, "utf8"));
  const command = passing(() => readFileSync(`${proc}/${pid}/cmdline`, "utf8"));
  if (name === undefined) return undefined;
  return { pid, name: name.trimEnd(), command: (command ?? "").split("\0").join(" ").trim() };
}

function passing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (PASSING.has(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
