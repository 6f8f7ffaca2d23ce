/**
 * Where the cgroups of a process lie: cgroups(7). A host has one hierarchy a controller (version 1), one for all
 * (version 2), or both beside one another, with a controller in one of them. Pure, but for `locate`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type MountEntry, mounts } from "../mount.ts";

export interface Hierarchy {
  readonly unified: boolean;
  /** Of version 1: `cpu`, `cpuacct`, `name=systemd`. */
  readonly controllers: readonly string[];
  readonly mountpoint: string;
  /** What of the hierarchy is mounted: `/`, or the cgroup that was bound. */
  readonly root: string;
}

/** In the order in which they stand in the table; one that was mounted twice is taken where it was first. */
export function hierarchiesOf(entries: readonly MountEntry[]): readonly Hierarchy[] {
  // Theirs alone are looked at closely: a host of many containers has thousands of others.
  const cgroups = entries.filter(({ type }) => type === "cgroup" || type === "cgroup2");
  const seen = cgroups.filter((mount) => isSeen(mount, 0, entries));
  return seen.flatMap(({ type, target, root, superOptions }): readonly Hierarchy[] => {
    if (type === "cgroup2") return [{ unified: true, controllers: [], mountpoint: target, root }];
    return [{ unified: false, controllers: superOptions.split(","), mountpoint: target, root }];
  });
}

/**
 * Not when something was mounted upon it, or upon a directory between it and the mount on which it stands, or when that
 * one is not seen. The order of the table does not tell: a mount that was moved keeps its place there.
 */
function isSeen(mount: MountEntry, _: number, entries: readonly MountEntry[]): boolean {
  const covered = entries.some(
    ({ id, parent, target }) =>
      id !== mount.id &&
      ((parent === mount.id && target === mount.target) ||
        (parent === mount.parent && mount.target.startsWith(`${target}/`))),
  );
  const ground = entries.find(({ id }) => id === mount.parent && id !== mount.id);
  return !covered && (ground === undefined || isGround(ground, mount, entries));
}

/** That it is covered at its own place does not matter to what covers it. */
const isGround = (ground: MountEntry, mount: MountEntry, entries: readonly MountEntry[]): boolean =>
  isSeen(
    ground,
    0,
    entries.filter((entry) => entry !== mount),
  );

/** `4:memory:/path`, `0::/path`: by controller, the unified hierarchy's under the empty name (proc_pid_cgroup(5)). */
export function membershipOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (controllers === undefined || path === undefined) return [];
      return controllers.split(",").map((controller): [string, string] => [controller, path]);
    }),
  );
}

export interface ControllerDirectory {
  readonly path: string;
  readonly unified: boolean;
}

/** The directories of one cgroup, by controller: in the unified hierarchy where version 1 has none for it. */
export type CgroupLocation = (controller: string) => ControllerDirectory | undefined;

/**
 * @param marker what stands in the name of the container's own cgroup: processes may have gone below it
 */
export function locationOf(
  hierarchies: readonly Hierarchy[],
  membership: ReadonlyMap<string, string>,
  marker: string,
): CgroupLocation {
  return (controller) => {
    const own = hierarchies.find(({ controllers }) => controllers.includes(controller));
    const hierarchy = own ?? hierarchies.find(({ unified }) => unified);
    const path = membership.get(own ? controller : "");
    if (!hierarchy || path === undefined) return undefined;
    const below = belowRoot(upTo(path, marker), hierarchy.root);
    return below === undefined
      ? undefined
      : { path: join(hierarchy.mountpoint, below), unified: hierarchy.unified };
  };
}

function upTo(path: string, marker: string): string {
  const parts = path.split("/");
  const own = parts.findIndex((part) => part.includes(marker));
  return own < 0 ? path : parts.slice(0, own + 1).join("/");
}

/** Undefined for what the mount does not show: `/../other`, of another cgroup namespace. */
function belowRoot(path: string, root: string): string | undefined {
  if (path === "/.." || path.startsWith("/../")) return undefined;
  if (root === "/") return path;
  if (path === root) return "/";
  return path.startsWith(`${root}/`) ? path.slice(root.length) : undefined;
}

/** The cgroup of a process. @throws ENOENT, ESRCH where it is gone */
export function locate(pid: number, marker: string): CgroupLocation {
  const membership = membershipOf(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  return locationOf(hierarchiesOf(mounts()), membership, marker);
}
