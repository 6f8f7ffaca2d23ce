/** A lock on a file that ends with its holder, however that ends: flock(2). */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { conflict } from "../lib/errors.ts";
import { declare, KernelError, lastErrno } from "./ffi.ts";

const flock = declare("int flock(int fd, int operation)");

const LOCK_EX = 2;
const LOCK_NB = 4;
const { EAGAIN } = constants.errno;

export interface Lock {
  readonly path: string;
  /** The file stays: removing it would let two holders lock two files of one name. */
  release(): void;
}

/**
 * Hold `path`, made where it is missing, until `release` or this process's end; it holds our pid for people to read.
 * @throws conflict where another process holds it; KernelError
 */
export function lockFile(path: string): Lock {
  const fd = open(path);
  try {
    acquire(fd, path);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  let held = true;
  return {
    path,
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

function open(path: string): number {
  try {
    // Without truncating: the file tells of its holder. Node opens with O_CLOEXEC, so no child inherits the lock.
    return openSync(path, "a+", 0o644);
  } catch (thrown) {
    throw KernelError.from(`open lock ${path}`, thrown);
  }
}

function acquire(fd: number, path: string): void {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return;
  const errno = lastErrno();
  if (errno !== EAGAIN) throw new KernelError(`lock ${path}`, errno);
  const holder = /^\d+$/.exec(readFileSync(path, "utf8").trim());
  throw conflict(`${path} is locked by another process${holder ? ` (pid ${holder[0]})` : ""}`);
}
