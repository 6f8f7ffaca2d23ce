/** Unmounting without holding up the caller's thread. */
import { promisify } from "node:util";
import { declare } from "./ffi.ts";
import { unmount } from "./mount.ts";

const umount2 = declare("int umount2(const char *target, int flags)");
const inBackground = promisify(
  (target: string, flags: number, done: (error: unknown, result: number) => void) =>
    umount2.async(target, flags, done),
);

const MNT_DETACH = 2;

/**
 * Take the uppermost mount off `target`, lazily, on a thread of the pool: the last user of an overlay to go
 * waits for all dirty data of the file system below it to reach the disk, seconds on a busy host.
 * @returns false where nothing was mounted there
 * @throws KernelError
 */
export async function detach(target: string): Promise<boolean> {
  if ((await inBackground(target, MNT_DETACH)) === 0) return true;
  // errno stayed on the other thread: asked again here, the kernel says what is wrong.
  return unmount(target, { lazy: true });
}
