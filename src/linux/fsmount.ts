/**
 * Mounts configured option by option: fsopen(2), fsconfig(2), fsmount(2), move_mount(2). Their options
 * don't share one page as those of mount(2) do. Called by number, which is the same on all architectures:
 * C libraries have had names for them only since 2022.
 */
import { closeSync } from "node:fs";
import { check, declare } from "./ffi.ts";

const NR = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432 } as const;

/** linux/mount.h */
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;

const sys = {
  fsopen: declare("int64 syscall(int64 number, const char *type, uint64 flags)"),
  fsconfig: declare(
    "int64 syscall(int64 number, int64 fd, uint64 command, const char *key, const char *value, int64 aux)",
  ),
  fsmount: declare("int64 syscall(int64 number, int64 fd, uint64 flags, uint64 attributes)"),
  moveMount: declare(
    "int64 syscall(int64 number, int64 from, const char *fromPath, int64 to, const char *toPath, uint64 flags)",
  ),
};

/**
 * Mount a new file system of `type` on `target`. An option may come several times (overlayfs's `lowerdir+`,
 * Linux 6.7); each value is at most 255 bytes.
 * @throws KernelError; ENOSYS before Linux 5.2, EINVAL for an option that it does not know
 */
export function mountWithOptions(
  type: string,
  target: string,
  options: readonly (readonly [key: string, value: string])[],
): void {
  const what = `mount ${type} on ${target}`;
  const context = Number(check(what, sys.fsopen(NR.fsopen, type, FSOPEN_CLOEXEC)));
  try {
    for (const [key, value] of options) {
      check(
        `${what}: ${key}=${value}`,
        sys.fsconfig(NR.fsconfig, context, FSCONFIG_SET_STRING, key, value, 0),
      );
    }
    check(what, sys.fsconfig(NR.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0));
    const mount = Number(check(what, sys.fsmount(NR.fsmount, context, FSMOUNT_CLOEXEC, 0)));
    try {
      check(what, sys.moveMount(NR.move_mount, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(context);
  }
}

/**
 * A file system of `type` that is mounted nowhere: it goes with the descriptor, which the caller closes.
 * @throws KernelError; ENOSYS before Linux 5.2, EPERM without CAP_SYS_ADMIN
 */
export function openFileSystem(type: string): number {
  const what = `open a ${type} file system`;
  const context = Number(check(what, sys.fsopen(NR.fsopen, type, FSOPEN_CLOEXEC)));
  try {
    check(what, sys.fsconfig(NR.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0));
    return Number(check(what, sys.fsmount(NR.fsmount, context, FSMOUNT_CLOEXEC, 0)));
  } finally {
    closeSync(context);
  }
}
