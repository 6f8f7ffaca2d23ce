/** A container's mounts at its start: volumes mounted, what is missing made, and each as the runtime is told of it. */
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { codeOf, inContext, internal, invalid, kindOf } from "../../lib/errors.ts";
import type { UndoStack } from "../../lib/undo.ts";
import { type MountEntry, mounts as mountTable } from "../../linux/mount.ts";
import { guardsOf } from "../../linux/statvfs.ts";
import type { Context } from "../options.ts";
import type { Container, MountPoint } from "../types.ts";
import type { Mount } from "./mounts.ts";
import { mountPlace } from "./places.ts";
import { whyNoRecursiveReadonly } from "./recursive-readonly.ts";
import { mountSubpath } from "./subpath.ts";

export interface MountSources {
  readonly mounts: readonly Mount[];
  /** What the root needs for a bind's own propagation to have an effect (mount_namespaces(7)). */
  readonly rootPropagation?: "shared" | "rslave";
  /** Names paths within volumes; to be closed once the runtime has mounted them. */
  readonly held: DisposableStack;
}

/** @throws invalid, not-found, internal in Docker's words; with mount(2)'s errno */
export async function prepareMounts(
  context: Context,
  container: Container,
  undo: UndoStack,
): Promise<MountSources> {
  using held = new DisposableStack();
  const prepared: Mount[] = [];
  const spread = new Set<"shared" | "rslave">();
  for (const point of container.mounts) {
    const source = await sourceOf(context, container, point, held, undo);
    const propagation = spreadOf(point, context.dataRoot);
    if (propagation.root) spread.add(propagation.root);
    prepared.push(mountOf(context, point, source, propagation.own));
  }
  const rootPropagation = spread.has("shared") ? "shared" : [...spread][0];
  return { mounts: prepared, ...(rootPropagation && { rootPropagation }), held: held.move() };
}

async function sourceOf(
  context: Context,
  container: Container,
  point: MountPoint,
  held: DisposableStack,
  undo: UndoStack,
): Promise<string> {
  if (point.Type === "tmpfs") return "tmpfs";
  if (point.Type === "bind") {
    makeSource(point);
    // crun takes each bind for a recursive one.
    return point.plan.recursive
      ? point.Source
      : held.use(mountPlace(context.execRoot, point.Source, { recursive: false })).path;
  }
  const directory = await useVolume(context, container, point, undo);
  const { subpath } = point.plan;
  return subpath === undefined
    ? directory
    : held.use(mountSubpath(context.execRoot, directory, subpath)).path;
}

/** With `-v`, a source that is missing is made: a directory of root's. @throws with what was being made */
function makeSource({ Source, plan }: MountPoint): void {
  if (!plan.makeSource) {
    if (existsSync(Source)) return;
    throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${Source}`);
  }
  try {
    mkdirSync(Source, { recursive: true, mode: 0o755 });
  } catch (thrown) {
    // A file, a socket, a device: there is something to bind.
    if (codeOf(thrown) !== "EEXIST") {
      throw inContext(`error while creating mount source path '${Source}'`, thrown);
    }
  }
}

async function useVolume(
  context: Context,
  container: Container,
  point: MountPoint,
  undo: UndoStack,
): Promise<string> {
  const name = point.Name ?? "";
  const directory = await context.volumes.mount(name, container.id);
  undo.push(`unmount the volume ${name}`, async () => {
    await context.volumes.unmount(name, container.id);
    tellVolume(context, container, point, "unmount");
  });
  tellVolume(context, container, point, "mount");
  return directory;
}

/** With Docker's attributes. */
function tellVolume(
  { publish }: Context,
  { id }: Container,
  point: MountPoint,
  action: "mount" | "unmount",
): void {
  const { Name = "", Driver = "local", Destination, RW, Propagation } = point;
  const how =
    action === "mount"
      ? { destination: Destination, propagation: Propagation, "read/write": String(RW) }
      : undefined;
  publish({
    type: "volume",
    action,
    actor: { id: Name, attributes: { container: id, driver: Driver, ...how } },
  });
}

const volumesOf = ({ mounts }: Container): readonly MountPoint[] =>
  mounts.filter(({ Type }) => Type === "volume");

/** It does not run any more. @throws what could not be unmounted, past failures */
export async function dropVolumes({ volumes }: Context, container: Container): Promise<void> {
  const names = new Set(volumesOf(container).map(({ Name }) => Name ?? ""));
  await Promise.all([...names].map((name) => volumes.unmount(name, container.id)));
}

export function tellUnmounted(context: Context, container: Container): void {
  for (const point of volumesOf(container)) tellVolume(context, container, point, "unmount");
}

/** It ran before this engine did: its volumes are in use, whoever else ends. */
export async function keepVolumes({ volumes, logger }: Context, container: Container): Promise<void> {
  for (const { Name = "" } of volumesOf(container)) {
    try {
      await volumes.mount(Name, container.id);
    } catch (thrown) {
      const level = kindOf(thrown) === "not-found" ? "warn" : "error";
      logger[level]({ err: thrown, container: container.id, volume: Name }, "a volume in use can't be kept");
    }
  }
}

function mountOf(context: Context, point: MountPoint, source: string, propagation: string): Mount {
  const { Destination: destination, Type, plan } = point;
  if (Type === "tmpfs") return { destination, type: "tmpfs", source, options: plan.options ?? [] };
  return {
    destination,
    type: "bind",
    source,
    options: [
      plan.recursive ? "rbind" : "bind",
      ...readonlyOption(context, point),
      // Runtimes set a bind's flags anew, and would take away what guards its source.
      ...guardsOf(source),
      propagation,
    ],
  };
}

/** @throws internal where it is asked for in vain */
function readonlyOption({ host, supervisor }: Context, { RW, plan }: MountPoint): readonly string[] {
  if (RW) return [];
  if (!plan.readonlyRecursive) return ["ro"];
  const why = whyNoRecursiveReadonly(host.kernel, supervisor.runtime);
  if (why !== undefined && plan.forceReadonlyRecursive) throw internal(`rro is not supported: ${why}`);
  return [why === undefined ? "rro" : "ro"];
}

interface Spread {
  readonly own: string;
  readonly root?: "shared" | "rslave";
}

/**
 * Mounts spread to and from a container only where the source's own mount does.
 * @throws internal in Docker's words where it does not
 */
function spreadOf({ Source, Propagation }: MountPoint, dataRoot: string): Spread {
  if (!/^r?(shared|slave)$/.test(Propagation)) return { own: Propagation || "rprivate" };
  const { target, propagation } = mountOfPath(realpathSync(Source), mountTable());
  const isShared = propagation.some((tag) => tag.startsWith("shared:"));
  if (Propagation.endsWith("shared")) {
    if (isShared) return { own: Propagation, root: "shared" };
    throw internal(`path ${Source} is mounted on ${target} but it is not a shared mount`);
  }
  if (isShared || propagation.some((tag) => tag.startsWith("master:"))) {
    return { own: Propagation, root: "rslave" };
  }
  // Nobody asked for this one: it is what the engine's own mounts are shown with.
  if (Source.startsWith(dataRoot) || dataRoot.startsWith(Source)) return { own: "rprivate" };
  throw internal(`path ${Source} is mounted on ${target} but it is not a shared or slave mount`);
}

/** The mount that a path lies on: the longest way to it, the last one made there. */
export function mountOfPath(path: string, table: readonly MountEntry[]): MountEntry {
  const over = table.filter(
    ({ target }) => target === "/" || path === target || path.startsWith(`${target}/`),
  );
  const nearest = Math.max(...over.map(({ target }) => target.length));
  const found = over.findLast(({ target }) => target.length === nearest);
  if (!found) throw internal(`${path} lies on no mount`);
  return found;
}
