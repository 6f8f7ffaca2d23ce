/** Trees of mounts that hang nowhere: open_tree(2), Linux 5.2. Called by number, as in fsmount.ts. */
import { check, declare } from "./ffi.ts";

const openTree = declare("int64 syscall(int64 number, int64 fd, const char *path, uint64 flags)");

const NR_OPEN_TREE = 428;

/** linux/mount.h, linux/fcntl.h */
const AT_FDCWD = -100;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_RECURSIVE = 0x8000;

/**
 * A copy of all mounts at `path` and below, which nobody sees but who has the descriptor: it is gone when that is
 * closed, by whomever or by the process's end.
 * @returns a descriptor as by O_PATH, of its root. @throws KernelError
 */
export function cloneMounts(path: string): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
  return Number(check(`clone the mounts at ${path}`, openTree(NR_OPEN_TREE, AT_FDCWD, path, flags)));
}
