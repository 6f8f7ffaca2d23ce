/**
 * Files as a process sees them, by proc_pid_root(5): of containers, who choose what lies there. A link that leads out of
 * their root, a pipe that nobody writes to, or a file without end is none that would be read.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statfsSync } from "node:fs";
import { codeOf } from "../lib/errors.ts";
import { openInRoot, openPath, pathOf } from "./openat2.ts";

/** Bytes; what lies behind is not read. Hosts files against advertisement have three million. */
const MOST = 8 << 20;

/** PROC_SUPER_MAGIC, linux/magic.h. */
const PROC = 0x9fa0;

/** Not there, its process gone, no file, or not to be seen by whoever asks. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ESRCH", "EACCES", "EPERM", "EINVAL", "ENOSYS"]);

/**
 * @param path from the process's own root
 * @returns undefined where there is no regular file that may be read
 * @throws KernelError, Error of node:fs for anything else
 */
export function readInRootOf(pid: number, path: string): string | undefined {
  const open: number[] = [];
  const opened = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  try {
    const root = opened(openPath(`/proc/${pid}/root`));
    const named = opened(openInRoot(root, path, { follow: true }));
    if (!fstatSync(named).isFile()) return undefined;
    // Those of /proc have no size, and some are used up by reading.
    if (fstatSync(named).size === 0) return statfsSync(pathOf(named)).type === PROC ? undefined : "";
    return readMost(opened(openSync(pathOf(named), constants.O_RDONLY | constants.O_NONBLOCK)));
  } catch (thrown) {
    if (ABSENT.has(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

function readMost(descriptor: number): string {
  const bytes = Buffer.alloc(Math.min(fstatSync(descriptor).size, MOST));
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (read === 0) break;
    length += read;
  }
  return bytes.toString("utf8", 0, length);
}
