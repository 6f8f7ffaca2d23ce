/** Extended attributes of a path, symlinks not followed: xattr(7). */
import { check, declare } from "./ffi.ts";

// Paths and values are bytes, not text.
const sys = {
  set: declare(
    "int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)",
  ),
  get: declare("int64 lgetxattr(const void *path, const char *name, _Out_ uint8_t *value, size_t size)"),
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
