/**
 * Network namespaces, network_namespaces(7). A thread enters one only to open a socket or a file, and is
 * home again before anything else can run on it.
 */
import { closeSync, constants, fstatSync, openSync, unlinkSync } from "node:fs";
import os from "node:os";
import { isMainThread } from "node:worker_threads";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import type { NetnsPath } from "./plan.ts";

const sys = {
  unshare: declare("int unshare(int flags)"),
  setns: declare("int setns(int fd, int type)"),
  mount: declare(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)",
  ),
  umount2: declare("int umount2(const char *target, int flags)"),
};

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;
const { EINVAL, ENOENT } = os.constants.errno;

/** Of this thread: `/proc/self` would be the main thread's. To be there, nobody needs a right to enter. */
export const OWN = "/proc/thread-self/ns/net" as NetnsPath;

let home: number | undefined;

/** This thread's own namespace, open for good. */
function homeFd(): number {
  home ??= openNamespace(OWN);
  return home;
}

/** For a thread that ends. */
export function closeHome(): void {
  if (home !== undefined) closeSync(home);
  home = undefined;
}

/** A descriptor of the namespace pinned at `path`; the caller closes it. @throws KernelError */
export function openNamespace(path: string): number {
  try {
    // Whatever lies there by now: a pipe is not waited for.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    throw KernelError.from(`open network namespace ${path}`, thrown);
  }
}

/**
 * Back home. A thread that can't go back must not go on: whatever it did next would happen in the wrong
 * namespace, and no handler of an exception knows that.
 */
function leave(): void {
  if (sys.setns(homeFd(), CLONE_NEWNET) === 0) return;
  process.stderr.write(`cannot return to the own network namespace (errno ${lastErrno()}): stopping\n`);
  if (isMainThread) process.abort();
  else process.exit(1); // of a worker: ends this thread alone
}

/** Work that gives no promise: nothing may run in the namespace after the call. */
export type Now<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Run `work` in the namespace that `fd` has open; `path` names it in errors.
 * @throws KernelError where the namespace can't be entered, and whatever `work` throws
 */
export function within<T>(fd: number, path: string, work: () => Now<T>): T {
  homeFd();
  check(`enter network namespace ${path}`, sys.setns(fd, CLONE_NEWNET));
  try {
    return work();
  } finally {
    leave();
  }
}

/** Run `work` in the namespace pinned at `path`; without a path, in the thread's own. @throws as `within` */
export const inNamespace = <T>(path: NetnsPath | undefined, work: () => Now<T>): T =>
  inFoundNamespace({ path: path ?? OWN }, work);

/** A namespace that was found some time ago. */
export interface Found {
  /** Its inode in nsfs. */
  readonly id?: number;
  /** Where it was then: a process id, and so its path, may be another's by now. */
  readonly path: string;
}

/** Run `work` in it. @throws as `within`; KernelError ENOENT where another one is there by now */
export function inFoundNamespace<T>({ id, path }: Found, work: () => Now<T>): T {
  if (path === OWN) return work();
  const fd = openNamespace(path);
  try {
    if (id !== undefined && fstatSync(fd).ino !== id) {
      throw new KernelError(`enter network namespace ${path}`, ENOENT, "another is there by now");
    }
    return within(fd, path, work);
  } finally {
    closeSync(fd);
  }
}

/**
 * Make a namespace and run `work` in it.
 * @returns a descriptor of it, which the caller closes: it alone keeps the namespace; and what `work` gave
 * @throws KernelError, and whatever `work` throws
 */
export function makeNamespace<T>(work: () => Now<T>): { readonly fd: number; readonly result: T } {
  homeFd();
  check("create network namespace", sys.unshare(CLONE_NEWNET));
  try {
    const fd = openNamespace(OWN);
    try {
      return { fd, result: work() };
    } catch (thrown) {
      closeSync(fd);
      throw thrown;
    }
  } finally {
    leave();
  }
}

/**
 * Pin the namespace that `fd` has open at `path`, an empty file that is made for it.
 * @throws KernelError; then nothing is left behind
 */
export function pinNamespace(fd: number, path: NetnsPath): void {
  const what = `pin network namespace ${path}`;
  try {
    closeSync(openSync(path, "wx", 0o444));
  } catch (thrown) {
    throw KernelError.from(what, thrown);
  }
  const mounted = sys.mount(`/proc/thread-self/fd/${fd}`, path, null, MS_BIND, null);
  if (mounted === 0) return;
  const errno = lastErrno();
  unlinkSync(path);
  throw new KernelError(what, errno);
}

/**
 * Unpin the namespace at `path`. It goes, with the links in it, when its last process and socket do.
 * @throws KernelError; ENOENT where nothing is there
 */
export function unpinNamespace(path: NetnsPath): void {
  const what = `remove network namespace ${path}`;
  const unmounted = sys.umount2(path, MNT_DETACH);
  // EINVAL: a file that nothing is mounted on, as a reboot leaves it.
  if (unmounted < 0 && lastErrno() !== EINVAL) throw new KernelError(what, lastErrno());
  try {
    unlinkSync(path);
  } catch (thrown) {
    throw KernelError.from(what, thrown);
  }
}
