import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, conflict } from "../lib/errors.ts";

/** USER_HZ: what /proc counts in, 100 on every architecture that Node runs on. */
const TICKS = 100;

/**
 * Does the process that wrote the file still run? One that started after the file was written is another
 * one, to which the number was given again.
 */
function writerLives(path: string, pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5): the name in brackets may hold spaces; starttime is field 22.
    const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
    const writtenAt = statSync(path).mtimeMs / 1000;
    return boot + startTicks / TICKS <= writtenAt + 1; // btime is in whole seconds
  } catch {
    return false; // no such process
  }
}

/**
 * Write our process id.
 * @returns what removes the file again
 * @throws conflict where the process that wrote it before still runs
 */
export function writePidFile(path: string): () => void {
  const before = Number(readOr(path, "").trim());
  if (Number.isInteger(before) && before > 0 && before !== process.pid && writerLives(path, before)) {
    throw conflict(
      `${path}: process with PID ${before} is still running; stop it, or pass --pidfile, --exec-root and --data-root of this engine's own`,
    );
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
  return () => {
    if (readOr(path, "").trim() === String(process.pid)) rmSync(path, { force: true });
  };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return otherwise;
    throw thrown;
  }
}
