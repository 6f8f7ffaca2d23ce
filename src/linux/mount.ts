/** Mounts: mount(2), umount2(2), and the mount table of proc(5). All of this process's own mount namespace. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";

const sys = {
  mount: declare(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  ),
  umount2: declare("int umount2(const char *target, int flags)"),
};

/** MS_* of linux/mount.h, by the names of mount(8). */
const FLAGS = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  remount: 32,
  mand: 64,
  dirsync: 128,
  noatime: 1 << 10,
  nodiratime: 1 << 11,
  bind: 1 << 12,
  move: 1 << 13,
  rec: 1 << 14,
  silent: 1 << 15,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  strictatime: 1 << 24,
} as const;

export type MountFlag = keyof typeof FLAGS;

const MNT_DETACH = 2;
const { E2BIG, EINVAL, ENOENT } = constants.errno;

/** mount(2) takes one page with its NUL, and cuts off what is longer without a word. */
const DATA_LIMIT = 4095;

export interface Mount {
  readonly source: string;
  readonly target: string;
  /** `overlay`, `tmpfs` …; empty where flags alone say what to do (bind, move, a change of propagation). */
  readonly type: string;
  readonly flags?: readonly MountFlag[];
  /** The file system's own options, comma-separated; at most 4095 bytes. */
  readonly data?: string;
}

/** @throws KernelError; E2BIG for options that the kernel would cut off */
export function mount({ source, target, type, flags = [], data }: Mount): void {
  const what = `mount ${type || flags.join(",")} ${source} on ${target}`;
  const length = data === undefined ? 0 : Buffer.byteLength(data);
  if (length > DATA_LIMIT) throw new KernelError(what, E2BIG, `its options are ${length} bytes`);
  const bits = flags.reduce((sum, flag) => sum | FLAGS[flag], 0);
  check(what, sys.mount(source, target, type || null, bits, data ?? null));
}

/**
 * Show `source`, a file or a directory, at `target` too. A bind takes no options of its own, so those given
 * are set in a second call; if that fails, the bind is taken back.
 * @throws KernelError
 */
export function bindMount(
  source: string,
  target: string,
  options: { readonly recursive?: boolean; readonly flags?: readonly MountFlag[] } = {},
): void {
  mount({ source, target, type: "", flags: options.recursive ? ["bind", "rec"] : ["bind"] });
  if (!options.flags?.length) return;
  try {
    mount({ source: "none", target, type: "", flags: ["remount", "bind", ...options.flags] });
  } catch (thrown) {
    unmount(target, { lazy: true });
    throw thrown;
  }
}

/**
 * Take the uppermost mount off `target`. Lazy: out of sight at once, gone with its last user.
 * @returns false where nothing was mounted there (EINVAL) or there is no such path (ENOENT)
 * @throws KernelError; EBUSY where it is in use
 */
export function unmount(target: string, options: { readonly lazy?: boolean } = {}): boolean {
  if (sys.umount2(target, options.lazy ? MNT_DETACH : 0) === 0) return true;
  const errno = lastErrno();
  if (errno === EINVAL || errno === ENOENT) return false;
  throw new KernelError(`unmount ${target}`, errno);
}

/** A line of /proc/self/mountinfo. */
export interface MountEntry {
  readonly id: number;
  /** Of the mount on which it stands. */
  readonly parent: number;
  readonly target: string;
  /** What of the file system is shown: `/`, or the directory that was bound. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
  /** Of this mount: `rw,nosuid`. */
  readonly options: string;
  /** How mounts and unmounts spread: `shared:1`, `master:2`; none where it is private. */
  readonly propagation: readonly string[];
  /** Of the file system: `lowerdir=…`, or the controllers of a cgroup v1 hierarchy. */
  readonly superOptions: string;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
const decodeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** proc_pid_mountinfo(5): `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const separator = fields.indexOf("-", 6); // after any number of optional fields
    const [root, target, options] = fields.slice(3, 6);
    const [type, source, superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
    if (root === undefined || target === undefined || options === undefined) return [];
    if (type === undefined || source === undefined) return [];
    return {
      id: Number(fields[0]),
      parent: Number(fields[1]),
      target: decodeOctal(target),
      root: decodeOctal(root),
      type,
      source: decodeOctal(source),
      options,
      propagation: fields.slice(6, separator),
      superOptions: superOptions ?? "",
    };
  });
}

/** All mounts that this process sees, in the order in which they were made. */
export const mounts = (): MountEntry[] => parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));

/** Whether something is mounted on this very path. */
export function isMounted(path: string): boolean {
  const target = resolve(path);
  return mounts().some((entry) => entry.target === target);
}

/** What is mounted on `directory` and below, the innermost first: the order in which to unmount. */
export function mountsUnder(directory: string): MountEntry[] {
  const top = resolve(directory);
  const below = top === "/" ? "/" : `${top}/`;
  return mounts()
    .filter((entry) => entry.target === top || entry.target.startsWith(below))
    .reverse();
}
