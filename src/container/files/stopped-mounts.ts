/** What of a container's mounts there is while it does not run. */
import { existsSync, mkdirSync } from "node:fs";
import { throwAll } from "../../lib/errors.ts";
import { openSubpath } from "../mounts/subpath.ts";
import { filesOf } from "../network/sandbox-request.ts";
import type { Context } from "../options.ts";
import type { Container, MountPoint } from "../types.ts";
import type { ViewMount } from "./assemble.ts";

/**
 * Its volumes and binds, parents first, and the network's files where they have been written. A tmpfs is born with a run.
 * All of it is there while `use` is called with it, and afterwards for who has a copy of the mounts.
 * @throws not-found for a volume or a path in one; KernelError
 */
export async function withStoppedMounts<T>(
  context: Context,
  container: Container,
  use: (mounts: readonly ViewMount[]) => T,
): Promise<T> {
  const { volumes } = context;
  // Not the container's own name: it may start meanwhile, and has its own hold on them then.
  const user = `${container.id}-files`;
  const names = new Set<string>();
  try {
    using held = new DisposableStack();
    const list = networkFiles(context, container);
    for (const point of container.mounts) {
      if (point.Type === "tmpfs") continue;
      if (point.Type === "volume") {
        names.add(point.Name ?? "");
        await volumes.mount(point.Name ?? "", user);
      }
      list.push(viewMountOf(point, held));
    }
    return use(list.toSorted((a, b) => depth(a) - depth(b)));
  } finally {
    const ends = await Promise.allSettled([...names].map((name) => volumes.unmount(name, user)));
    throwAll(
      "let go of the volumes",
      ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : [])),
    );
  }
}

function networkFiles(context: Context, container: Container): ViewMount[] {
  const { hostname, hosts, resolvConf } = filesOf(container, context.registry, context);
  const files: readonly (readonly [string, string])[] = [
    ["/etc/hostname", hostname],
    ["/etc/hosts", hosts],
    ["/etc/resolv.conf", resolvConf],
  ];
  const readonly = container.hostConfig.ReadonlyRootfs;
  return files
    .filter(([, source]) => existsSync(source))
    .map(([destination, source]) => ({ destination, source, recursive: false, readonly }));
}

function viewMountOf({ Source, Destination, RW, plan }: MountPoint, held: DisposableStack): ViewMount {
  if (plan.makeSource && !existsSync(Source)) mkdirSync(Source, { recursive: true, mode: 0o755 });
  const source = plan.subpath === undefined ? Source : held.use(openSubpath(Source, plan.subpath)).path;
  return { source, destination: Destination, recursive: plan.recursive, readonly: !RW };
}

const depth = ({ destination }: ViewMount): number => destination.split("/").length;
