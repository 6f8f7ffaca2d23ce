/**
 * Descriptors by number. libnftables waits for answers by select(2), which knows those below 1024 alone: whatever
 * the engine has one of per container, per port or per network gives its low number back.
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { declare, KernelError, lastErrno } from "./ffi.ts";

const fcntl = declare("int fcntl(int fd, int command, ...)");

/** linux/fcntl.h: F_LINUX_SPECIFIC_BASE + 6. */
const F_DUPFD_CLOEXEC = 1030;
const { EINVAL, EMFILE } = constants.errno;

/** How many descriptors select(2) knows: those from 0 on. */
export const FD_SETSIZE = 1024;

/**
 * The same open file under a number of 1024 or more; `fd` is closed then. Do it before `fd` is given to anyone.
 * @returns `fd` itself where the limit of open files (RLIMIT_NOFILE) leaves no such number
 * @throws KernelError EBADF
 */
export function raise(fd: number): number {
  if (fd >= FD_SETSIZE) return fd;
  const high: number = fcntl(fd, F_DUPFD_CLOEXEC, "int", FD_SETSIZE);
  if (high < 0) {
    const errno = lastErrno();
    if (errno === EINVAL || errno === EMFILE) return fd;
    throw new KernelError(`give descriptor ${fd} a high number`, errno);
  }
  closeSync(fd);
  return high;
}
