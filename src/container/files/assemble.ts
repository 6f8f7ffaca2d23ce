/** A stopped container's root with its mounts in their places, as a tree of mounts that hangs nowhere. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { toBytes } from "../../lib/byte-names.ts";
import { inContext } from "../../lib/errors.ts";
import { cloneMounts } from "../../linux/detached-tree.ts";
import { type MountFlag, mount, unmount } from "../../linux/mount.ts";
import { openInRoot, openPath, pathOf } from "../../linux/openat2.ts";
import { withDescriptor } from "./descriptors.ts";
import { ensureInRoot } from "./ensure.ts";

/** One thing to be seen at `destination` in the container. */
export interface ViewMount {
  /** A path of the host. */
  readonly source: string;
  readonly destination: string;
  readonly recursive: boolean;
  readonly readonly: boolean;
}

const directoryOf = (execRoot: string): string => join(execRoot, "views");

/**
 * Built below `EXEC_ROOT/views`, on a mount that tells nobody of what is mounted on it, copied, and taken down, all in
 * one go of microseconds: what remains is the copy's descriptor.
 * @param root a mounted root filesystem
 * @param mounts parents first
 * @returns a descriptor as by O_PATH. @throws KernelError
 */
/**
 * Built below `EXEC_ROOT/views`, on a mount that tells nobody of what is mounted on it, copied, and taken down, all in
 * one go of microseconds: what remains is the copy's descriptor.
 * @param root a mounted root filesystem
 * @param mounts parents first
 * @returns a descriptor as by O_PATH. @throws KernelError
 */
export function assemble(execRoot: string, root: string, mounts: readonly ViewMount[]): number {
  mkdirSync(directoryOf(execRoot), { recursive: true, mode: 0o700 });
  const base = mkdtempSync(join(directoryOf(execRoot), "view-"));
  try {
    const top = join(base, "root");
    mkdirSync(top);
    mount({ source: base, target: base, type: "", flags: ["bind"] });
    change(base, "private");
    mount({ source: root, target: top, type: "", flags: ["bind"] });
    change(top, "private");
    for (const each of mounts) place(top, each);
    return cloneMounts(top);
  } finally {
    takeDown(base);
  }
}

/** What an engine that was killed in the middle of it left behind. */
export function sweepViews(execRoot: string): void {
  const directory = directoryOf(execRoot);
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) takeDown(join(directory, name));
}

function takeDown(base: string): void {
  while (unmount(base, { lazy: true })) {
    // One on another.
  }
  const top = join(base, "root");
  if (existsSync(top)) rmdirSync(top);
  rmdirSync(base);
}

const change = (target: string, ...flags: readonly MountFlag[]): void =>
  mount({ source: "none", target, type: "", flags });

/** The root is a stranger's: where a destination leads is for the kernel to find, within it. */
function place(top: string, { source, destination, recursive, readonly }: ViewMount): void {
  const path = toBytes(destination);
  const all: readonly MountFlag[] = recursive ? ["rec"] : [];
  try {
    const kind = statSync(source).isDirectory() ? "directory" : "file";
    withDescriptor(openPath(top), (root) => {
      withDescriptor(ensureInRoot(root, path, kind), (below) =>
        mount({ source, target: pathOf(below), type: "", flags: ["bind", ...all] }),
      );
      // Looked up anew, it is the mount that has just been made.
      withDescriptor(openInRoot(root, path, { follow: true }), (mounted) => {
        change(pathOf(mounted), "private", ...all);
        if (readonly) change(pathOf(mounted), "remount", "bind", "ro");
      });
    });
  } catch (thrown) {
    throw inContext(`mount ${source} at ${destination} of the container`, thrown);
  }
}
