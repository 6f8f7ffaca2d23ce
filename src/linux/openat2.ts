/**
 * Paths looked up within a directory that stays the root whatever links say: openat2(2), Linux 5.6. Called by
 * number, which is the same on all architectures; C libraries have no name for it.
 *
 *     struct open_how {       // linux/openat2.h
 *       __u64 flags;          //  0  O_*
 *       __u64 mode;           //  8  with O_CREAT only
 *       __u64 resolve;        // 16  RESOLVE_*
 *     };
 */
import { constants, openSync, readlinkSync } from "node:fs";
import os from "node:os";
import { toText } from "../lib/byte-names.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";

const sys = {
  openat2: declare("int64 syscall(int64 number, int64 fd, const void *path, const void *how, uint64 size)"),
  readlinkat: declare("int64 readlinkat(int fd, const void *path, _Out_ uint8_t *target, size_t size)"),
};

const NR_OPENAT2 = 437;
const HOW_SIZE = 24;

/** fcntl.h; Node has no names for them. */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** linux/openat2.h */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

const { EAGAIN } = os.constants.errno;

/** A rename anywhere on the machine while `..` is being walked makes the kernel ask for another try. */
const MOST_TRIES = 1000;

const PATH_MAX = 4096;

function encodeHow(flags: number, resolve: number): Buffer {
  const how = Buffer.alloc(HOW_SIZE);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return how;
}

function open(directory: number, path: string, flags: number, resolve: number): number {
  const bytes = Buffer.from(`${path}\0`, "latin1");
  const how = encodeHow(flags | O_CLOEXEC, resolve);
  for (let tries = 1; ; tries += 1) {
    const result = Number(sys.openat2(NR_OPENAT2, directory, bytes, how, HOW_SIZE));
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== EAGAIN || tries === MOST_TRIES) {
      throw new KernelError(`open ${toText(path)}`, errno);
    }
  }
}

/**
 * What `path` means to a process that has `root` for its root: every link and every `..` stays within, whatever is
 * renamed meanwhile. The answer is a descriptor that only names it (O_PATH): nothing is opened, no device, no pipe.
 * @param path a byte string: one character a byte
 * @param options `follow` a link at the end of the path too; a `directory` is what it must be
 * @throws KernelError: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG; ENOSYS before Linux 5.6
 */
export function openInRoot(
  root: number,
  path: string,
  options: { readonly follow?: boolean; readonly directory?: boolean } = {},
): number {
  const flags =
    O_PATH | (options.follow ? 0 : constants.O_NOFOLLOW) | (options.directory ? constants.O_DIRECTORY : 0);
  return open(root, path || ".", flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/**
 * As above, for a path that has neither links nor `..`: of a tree that is walked. One that has got a link meanwhile
 * is refused; a link as its last part is named itself.
 * @throws KernelError; ELOOP where a link is on the way
 */
export function openBeneath(directory: number, path: string): number {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return open(directory, path || ".", O_PATH | constants.O_NOFOLLOW, resolve);
}

/** Only names it (O_PATH); a path of the host. A link at its end is followed. @throws Error of node:fs */
export const openPath = (path: string): number => openSync(path, O_PATH | O_CLOEXEC);

/** Of a symlink that a descriptor names; a byte string. @throws KernelError */
export function linkTargetOf(descriptor: number): string {
  const target = Buffer.alloc(PATH_MAX);
  const length = check(
    `read the link of descriptor ${descriptor}`,
    sys.readlinkat(descriptor, Buffer.alloc(1), target, target.length),
  );
  return target.toString("latin1", 0, Number(length));
}

/** What a descriptor names, as a path: what is done to it is done to that very thing, never to a link's target. */
export const pathOf = (descriptor: number): string => `/proc/self/fd/${descriptor}`;

/** A name in a directory, as a path that no renaming of the directory leads astray. */
export const childOf = (directory: number, name: string): Buffer =>
  Buffer.from(`/proc/self/fd/${directory}/${name}`, "latin1");

/** Where it lies, from the root of its own mount namespace; `… (deleted)` where it does not any more. */
export const realPathOf = (descriptor: number): string => readlinkSync(pathOf(descriptor), "latin1");
