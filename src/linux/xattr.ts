/** Extended attributes of a path, symlinks not followed: xattr(7). */
import { constants } from "node:os";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { pathOf } from "./openat2.ts";

// Paths and values are bytes, not text.
const sys = {
  set: declare(
    "int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)",
  ),
  get: declare("int64 lgetxattr(const void *path, const char *name, _Out_ uint8_t *value, size_t size)"),
  setFollowing: declare(
    "int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
  ),
  getFollowing: declare(
    "int64 getxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)",
  ),
  list: declare("int64 llistxattr(const void *path, _Out_ uint8_t *list, size_t size)"),
};

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h. */
const LARGEST = 65536;

const terminated = (path: Buffer): Buffer => Buffer.concat([path, Buffer.alloc(1)]);

/** @throws KernelError; EOPNOTSUPP where the file system has none of that kind */
export function setXattr(path: Buffer, name: string, value: Buffer): void {
  check(`set ${name} of ${path.toString()}`, sys.set(terminated(path), name, value, value.length, 0));
}

/** @throws KernelError; ENODATA where it has no such attribute */
export function getXattr(path: Buffer, name: string): Buffer {
  const value = Buffer.alloc(LARGEST);
  const length = check(
    `get ${name} of ${path.toString()}`,
    sys.get(terminated(path), name, value, value.length),
  );
  return Buffer.from(value.subarray(0, Number(length)));
}

/** Names of its attributes. @throws KernelError */
export function listXattrs(path: Buffer): string[] {
  const names = Buffer.alloc(LARGEST);
  const length = check(
    `list attributes of ${path.toString()}`,
    sys.list(terminated(path), names, names.length),
  );
  return names.toString("latin1", 0, Number(length)).split("\0").filter(Boolean);
}

const { ENODATA, EOPNOTSUPP } = constants.errno;

/** Of what a descriptor names, a symlink itself too. @throws KernelError */
export function setXattrOf(descriptor: number, name: string, value: Buffer): void {
  check(`set ${name}`, sys.setFollowing(pathOf(descriptor), name, value, value.length, 0));
}

/** Of what a descriptor names; undefined where it has none. @throws KernelError */
export function getXattrOf(descriptor: number, name: string): Buffer | undefined {
  const ask = (value: Buffer) => Number(sys.getFollowing(pathOf(descriptor), name, value, value.length));
  const length = ask(Buffer.alloc(0));
  if (length >= 0) {
    const value = Buffer.alloc(length);
    return value.subarray(0, check(`get ${name}`, ask(value)));
  }
  const errno = lastErrno();
  if (errno === ENODATA || errno === EOPNOTSUPP) return undefined;
  throw new KernelError(`get ${name}`, errno);
}
