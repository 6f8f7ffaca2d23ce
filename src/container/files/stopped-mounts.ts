/** What of a container's mounts there is while it does not run. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Context } from "../options.ts";
import { filesOf } from "../sandbox-request.ts";
import type { Container, MountPoint } from "../types.ts";
import type { ViewMount } from "./assemble.ts";

/**
 * Its volumes and binds, parents first, and the network's files where they have been written. A tmpfs is born with a run.
 * @returns the volumes are mounted until `release`, which is called once what shows them stands
 */
export async function stoppedMounts(
  context: Context,
  container: Container,
): Promise<{ readonly list: readonly ViewMount[]; release(): Promise<void> }> {
  const { hostname, hosts, resolvConf } = filesOf(container, context.registry, context);
  const readonly = container.hostConfig.ReadonlyRootfs;
  const etc = [
    ["/etc/hostname", hostname],
    ["/etc/hosts", hosts],
    ["/etc/resolv.conf", resolvConf],
  ].flatMap(([destination = "", source = ""]) =>
    existsSync(source) ? [{ destination, source, recursive: false, readonly }] : [],
  );
  const list: ViewMount[] = [...etc];
  for (const point of container.mounts ?? []) if (point.Type !== "tmpfs") list.push(viewMountOf(point));
  return { list: list.toSorted((a, b) => depth(a) - depth(b)), release: async () => {} };
}

function viewMountOf({ Source, Destination, RW, plan }: MountPoint): ViewMount {
  if (plan.makeSource && !existsSync(Source)) mkdirSync(Source, { recursive: true, mode: 0o755 });
  const source = plan.subpath === undefined ? Source : join(Source, plan.subpath);
  return { source, destination: Destination, recursive: plan.recursive, readonly: !RW };
}

const depth = ({ destination }: ViewMount): number => destination.split("/").length;
