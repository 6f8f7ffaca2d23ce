/** A container's volumes: made with it, filled from its image, and removed with it where nobody named them. */
import { statSync } from "node:fs";
import { codeOf, doing, internal, kindOf } from "../../lib/errors.ts";
import { type ContainerID, randomHex } from "../../lib/ids.ts";
import type { UndoStack } from "../../lib/undo.ts";
import type { Context } from "../options.ts";
import type { Container, MountPoint } from "../types.ts";
import { fillVolume } from "./copy-up.ts";
import { resolveInRoot } from "./rootfs.ts";
import type { Draft } from "./settling.ts";
import { openSubpath } from "./subpath.ts";

/** Ids of containers, whatever their state, that a volume belongs to; of those being made too. */
export function usersOf({ registry, claims }: Context, volume: string): readonly ContainerID[] {
  const owners = registry
    .all()
    .filter(({ container }) => container.mounts.some((mount) => isOf(volume, mount)))
    .map(({ container }) => container.id);
  return [...new Set([...owners, ...claims.claimants(volume)])];
}

const isOf = (volume: string, { Type, Name }: MountPoint): boolean => Type === "volume" && Name === volume;

/** Volumes that are there already are taken as they are; those made here go again with `undo`. */
export async function makeVolumes(
  context: Context,
  id: ContainerID,
  drafts: readonly Draft[],
  undo: UndoStack,
): Promise<readonly MountPoint[]> {
  const points: MountPoint[] = [];
  for (const { point, volume } of drafts) {
    if (point.Type === "volume" && point.Name !== undefined) context.claims.claim(id, point.Name);
    if (volume === undefined) {
      points.push(point);
      continue;
    }
    // Claimed before it is there: whoever removes it meanwhile is told that it is in use.
    const name = volume.name ?? randomHex(32);
    context.claims.claim(id, name);
    const known = context.volumes.find(name) !== undefined;
    const anonymous = volume.name === undefined;
    const made = await context.volumes.create({ ...volume, name, anonymous, madeWith: id });
    if (!known) undo.push(`remove the volume ${name}`, () => removeUnused(context, name, id));
    points.push({ ...point, Name: made.name, Source: made.mountpoint, Driver: made.driver });
  }
  return points;
}

/** Of a creation that an engine's end cut short: perhaps half filled, and nobody was told of them. */
export async function removeHalfMade(context: Context, id: ContainerID): Promise<void> {
  const made = context.volumes.list().filter(({ madeWith }) => madeWith === id);
  for (const { name } of made) await removeUnused(context, name, id);
}

/** Somebody else may have taken it into use meanwhile. */
async function removeUnused(context: Context, name: string, but: ContainerID): Promise<void> {
  const usedBy = (volume: string) => usersOf(context, volume).filter((user) => user !== but);
  try {
    await context.volumes.remove(name, { force: true, usedBy });
  } catch (thrown) {
    if (kindOf(thrown) !== "conflict") throw thrown;
  }
}

/**
 * What the image has where a volume is to be is copied into the volume, where that is empty. The container does not
 * run yet, so nothing moves in its root.
 * @throws internal where the image has something else than a directory there, in Docker's words
 */
export async function fillVolumes(
  context: Context,
  id: ContainerID,
  points: readonly MountPoint[],
  undo: UndoStack,
): Promise<void> {
  const wanted = points.filter(({ Type, plan }) => Type === "volume" && plan.copyUp);
  if (wanted.length === 0) return;
  const root = await context.images.mount(id);
  undo.push("unmount the root filesystem", () => context.images.unmount(id));
  for (const point of wanted) {
    const source = resolveInRoot(root.path, point.Destination);
    if (isDirectory(source, point)) {
      await doing("failed to populate volume", () =>
        context.claims.filling.run(point.Name ?? "", () => fill(context, id, point, source, undo)),
      );
    }
  }
  await context.images.unmount(id);
}

/** @throws internal for what is there and no directory */
function isDirectory(path: string, { plan }: MountPoint): boolean {
  try {
    if (statSync(path).isDirectory()) return true;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENOTDIR") return false;
    throw thrown;
  }
  throw internal(
    plan.anonymous
      ? `cannot mount volume over existing file, file exists ${path}`
      : `source ${path} is not directory`,
  );
}

async function fill(
  { volumes }: Context,
  id: ContainerID,
  point: MountPoint,
  source: string,
  undo: UndoStack,
): Promise<void> {
  const name = point.Name ?? "";
  const directory = await volumes.mount(name, id);
  undo.push(`unmount the volume ${name}`, () => volumes.unmount(name, id));
  if (point.plan.subpath === undefined) await fillVolume(source, directory);
  else await fillSubpath(source, directory, point.plan.subpath);
  await volumes.unmount(name, id);
}

/** One that is not there yet is nothing to fill; a start will say that it is missing. */
async function fillSubpath(source: string, directory: string, subpath: string): Promise<void> {
  using opened = tryOpen(directory, subpath);
  if (opened && statSync(opened.path).isDirectory()) await fillVolume(source, opened.path);
}

function tryOpen(directory: string, subpath: string) {
  try {
    return openSubpath(directory, subpath);
  } catch (thrown) {
    if (kindOf(thrown) === "not-found") return undefined;
    throw thrown;
  }
}

/** With `rm -v`: those that nobody named and that no other container has. The container is gone already. */
export async function removeAnonymous(context: Context, { id, mounts }: Container): Promise<void> {
  for (const { Type, Name, plan } of mounts) {
    if (Type === "volume" && Name !== undefined && plan.anonymous) await removeUnused(context, Name, id);
  }
}
