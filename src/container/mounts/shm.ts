/**
 * /dev/shm that containers share (Docker API, IpcMode `shareable` and `container:`): a tmpfs of the host's, bound into
 * each of them. Of its own, a container has one that only it sees, made by the runtime.
 */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf, conflict, inContext, invalid } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { UndoStack } from "../../lib/undo.ts";
import { mount, unmount } from "../../linux/mount.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import type { Roots } from "../paths.ts";
import type { Registry } from "../registry.ts";
import { containerOfMode } from "../spec/namespaces.ts";
import type { Container } from "../types.ts";

const HOSTS_OWN = "/dev/shm";

/** `EXEC_ROOT/shm/<id>`. */
const shmPathOf = (roots: Pick<Roots, "execRoot">, id: ContainerID): string =>
  join(roots.execRoot, "shm", id);

/** Who else's processes this one's share a namespace with. @throws conflict, invalid in Docker's words */
export function joinedContainer(kind: "IPC" | "PID", mode: string, registry: Registry): Entry | undefined {
  const reference = containerOfMode(mode);
  if (reference === undefined) return undefined;
  const failed = `failed to join ${kind} namespace`;
  const other = registry.lookUp(reference);
  if (!other) throw invalid(`${failed}: No such container: ${reference}`);
  const { id, state } = other.container;
  if (state.status === "restarting") {
    throw conflict(`${failed}: Container ${id} is restarting, wait until the container is running`);
  }
  if (!other.active) throw conflict(`${failed}: container ${id} is not running`);
  return other;
}

/**
 * What is to be bound at /dev/shm, made where it is this container's to make; undefined where the runtime makes it.
 * @throws conflict, invalid; KernelError
 */
export function prepareShm(context: Context, container: Container, undo: UndoStack): string | undefined {
  const { IpcMode, ShmSize } = container.hostConfig;
  if (IpcMode === "host") return HOSTS_OWN;
  if (IpcMode === "shareable") {
    undo.push("unmount its shm", () => releaseShm(context, container.id));
    return mountShm(shmPathOf(context, container.id), ShmSize);
  }
  const other = joinedContainer("IPC", IpcMode, context.registry);
  return other && shmOf(context, other.container);
}

/** @throws invalid where it keeps its own to itself, in Docker's words */
function shmOf(context: Context, { id, hostConfig }: Container): string {
  const { IpcMode } = hostConfig;
  if (IpcMode === "host") return HOSTS_OWN;
  if (IpcMode === "shareable") return shmPathOf(context, id);
  const further = joinedContainer("IPC", IpcMode, context.registry);
  if (further) return shmOf(context, further.container);
  throw invalid(
    `failed to join IPC namespace: container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}

function mountShm(path: string, size: number): string {
  // Of a start that an engine did not live to record.
  unmount(path, { lazy: true });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  try {
    mount({
      source: "shm",
      target: path,
      type: "tmpfs",
      flags: ["nosuid", "nodev", "noexec"],
      data: `mode=1777,size=${size}`,
    });
  } catch (thrown) {
    throw inContext("mounting shm tmpfs", thrown);
  }
  return path;
}

/** Those that joined keep what they see of it. Nothing to do where there is none. @throws KernelError */
export function releaseShm(roots: Pick<Roots, "execRoot">, id: ContainerID): void {
  const path = shmPathOf(roots, id);
  unmount(path, { lazy: true });
  try {
    rmdirSync(path);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
  }
}
