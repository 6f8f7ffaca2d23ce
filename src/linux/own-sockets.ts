/** Sockets that a library opened in this process, and tells nobody of: proc_pid_fd(5). */
import { readdirSync, readlinkSync } from "node:fs";
import { constants } from "node:os";
import { codeOf } from "../lib/errors.ts";
import { declare, KernelError, lastErrno } from "./ffi.ts";

const fcntl = declare("int fcntl(int fd, int command, ...)");

/** linux/fcntl.h. */
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const { EBADF } = constants.errno;

const OWN = "/proc/self/fd";

/**
 * Run `open`, and find the sockets that it opened. One that another thread opens meanwhile is taken for its own.
 * @returns what `open` gave, and their descriptors
 */
export function socketsOf<T>(open: () => T): { readonly result: T; readonly sockets: readonly number[] } {
  const before = new Set(sockets().values());
  const result = open();
  const opened = [...sockets()].filter(([, inode]) => !before.has(inode));
  return { result, sockets: opened.map(([fd]) => fd) };
}

/** Programs that are started have no part in it: FD_CLOEXEC. One that was closed meanwhile is no failure. @throws KernelError */
export function keepFromPrograms(fd: number): void {
  if (fcntl(fd, F_SETFD, "int", FD_CLOEXEC) >= 0 || lastErrno() === EBADF) return;
  throw new KernelError(`keep descriptor ${fd} from programs`, lastErrno());
}

/** `socket:[<inode>]` of each, by descriptor. */
function sockets(): ReadonlyMap<number, string> {
  const all = readdirSync(OWN).map((name) => [Number(name), targetOf(name)] as const);
  return new Map(all.filter(([, target]) => target.startsWith("socket:")));
}

function targetOf(name: string): string {
  try {
    return readlinkSync(`${OWN}/${name}`);
  } catch (thrown) {
    // Closed since it was listed: the descriptor of the listing itself is.
    if (codeOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}
