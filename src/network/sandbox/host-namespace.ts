import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { bindMount, unmount } from "../../linux/mount.ts";
import type { NetnsPath } from "../../linux/plan.ts";

const OWN = "/proc/self/ns/net";

/**
 * Pin the host's own network namespace, so that those who share it have a path for it like any other.
 * A pin of another namespace, left from an earlier life, is replaced.
 * @throws KernelError
 */
export function pinHostNamespace(path: NetnsPath): void {
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o444));
  const own = statSync(OWN);
  const pinned = statSync(path);
  if (pinned.dev === own.dev && pinned.ino === own.ino) return;
  unmount(path, { lazy: true });
  bindMount(OWN, path);
}

/** @throws KernelError */
export function unpinHostNamespace(path: NetnsPath): void {
  unmount(path, { lazy: true });
  rmSync(path, { force: true });
}
