/** Transfers that an engine left which was killed: their programs, and their files. */
import { mkdirSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { codeOf } from "../lib/errors.ts";

/** Processes whose working directory lies below `directory`: that is what a session gives its programs. */
function processesBelow(directory: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(join("/proc", pid, "cwd")).startsWith(`${directory}/`);
      } catch (thrown) {
        if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(codeOf(thrown) ?? "")) return false;
        throw thrown;
      }
    })
    .map(Number);
}

/** End the programs and remove the files; make both directories anew. */
export function removeOrphans(transfers: string, secrets: string): void {
  for (const pid of processesBelow(transfers)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (thrown) {
      if (codeOf(thrown) !== "ESRCH") throw thrown;
    }
  }
  for (const directory of [transfers, secrets]) {
    // A program that is just dying may write once more.
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
}
