/**
 * Many settings of one directory under /proc/sys/net, for many namespaces. Each namespace's directory of the same name
 * stands in one list of the kernel's: to find it takes the longer, the more namespaces there are (0.1 ms of a thousand),
 * and is done once; the files within are found at once.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { constants } from "node:os";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";

const openat = declare("int openat(int directory, const char *path, int flags)");

const O_PATH = 0o10000000;
const O_DIRECTORY = 0o200000;
const O_CLOEXEC = 0o2000000;
const { EACCES, ENOENT, EPERM } = constants.errno;

/** Each of the settings that are read here fits. */
const buffer = Buffer.alloc(256);

/**
 * The values of `names` (`conf/all/rp_filter`) in the directory (`net/ipv4`) of the calling thread's namespace, without
 * their newlines; undefined for what this kernel has not, or shows to the initial namespaces alone.
 * @throws KernelError
 */
export function readSysctlsIn(directory: string, names: readonly string[]): (string | undefined)[] {
  const what = `read the settings in /proc/sys/${directory}`;
  let fd: number;
  try {
    fd = openSync(`/proc/sys/${directory}`, O_PATH | O_DIRECTORY);
  } catch (thrown) {
    const error = KernelError.from(what, thrown);
    if (error.errno === ENOENT) return names.map(() => undefined);
    throw error;
  }
  try {
    return names.map((name) => readAt(fd, what, name));
  } finally {
    closeSync(fd);
  }
}

function readAt(directory: number, what: string, name: string): string | undefined {
  const fd: number = openat(directory, name, O_CLOEXEC);
  if (fd < 0) {
    const errno = lastErrno();
    if (errno === ENOENT || errno === EACCES || errno === EPERM) return undefined;
    check(`${what}: ${name}`, fd);
  }
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, null)).trimEnd();
  } finally {
    closeSync(fd);
  }
}
