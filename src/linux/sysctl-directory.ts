/**
 * Many settings under /proc/sys/net, of one namespace after another. The kernel keeps the directories of all namespaces that
 * were looked at under one name in one list (proc_sys_compare), and to find one takes the longer, the more there are: 0.2 ms of
 * a thousand, each time. So they are looked for in a /proc of our own, which is given up before its list is long; and the files
 * within a directory from there.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { constants } from "node:os";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { openFileSystem } from "./fsmount.ts";

const openat = declare("int openat(int directory, const char *path, int flags)");

const O_PATH = 0o10000000;
const O_DIRECTORY = 0o200000;
const O_CLOEXEC = 0o2000000;
const { EACCES, ENOENT, EPERM } = constants.errno;

/** Namespaces that are looked for in one /proc: as many as make up for making it. */
const NAMESPACES = 32;

/** Each of the settings that are read here fits. */
const buffer = Buffer.alloc(256);

export class SysctlReader {
  #proc: number | undefined;
  #left = 0;

  /**
   * The values of `names` (`conf/all/rp_filter`) in the directory (`net/ipv4`) of the calling thread's namespace, without
   * their newlines; undefined for what this kernel has not, or shows to the initial namespaces alone.
   * @throws KernelError
   */
  read(directory: string, names: readonly string[]): (string | undefined)[] {
    const what = `read the settings in /proc/sys/${directory}`;
    const fd: number = openat(this.#fresh(), `sys/${directory}`, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && lastErrno() === ENOENT) return names.map(() => undefined);
    check(what, fd);
    try {
      return names.map((name) => readAt(fd, what, name));
    } finally {
      closeSync(fd);
    }
  }

  close(): void {
    if (this.#proc !== undefined) closeSync(this.#proc);
    this.#proc = undefined;
  }

  #fresh(): number {
    if (this.#proc !== undefined && this.#left > 0) {
      this.#left -= 1;
      return this.#proc;
    }
    this.close();
    this.#left = NAMESPACES - 1;
    this.#proc = openProc();
    return this.#proc;
  }
}

/** One of our own; where that is refused (in a container of somebody's), the one that everybody has. @throws KernelError */
function openProc(): number {
  try {
    return openFileSystem("proc");
  } catch (thrown) {
    if (!(thrown instanceof KernelError)) throw thrown;
    return openSync("/proc", O_PATH | O_DIRECTORY);
  }
}

/** Relative to a directory, which Node has no call for. @throws KernelError */
function readAt(directory: number, what: string, name: string): string | undefined {
  const fd: number = openat(directory, name, O_CLOEXEC);
  if (fd < 0) {
    const errno = lastErrno();
    if (errno === ENOENT || errno === EACCES || errno === EPERM) return undefined;
    throw new KernelError(`${what}: ${name}`, errno);
  }
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, null)).trimEnd();
  } finally {
    closeSync(fd);
  }
}
