/** Which namespaces are a container's own, which are joined, and which are the host's (OCI runtime spec, "Namespaces"). */
import type { Sandbox } from "../../network/types.ts";
import type { HostConfig } from "../types.ts";

export interface Namespace {
  readonly type: "mount" | "network" | "uts" | "pid" | "ipc" | "cgroup";
  /** Joined; a new one where absent. */
  readonly path?: string;
}

/** Paths of namespaces of other containers, for `--pid container:` and `--ipc container:`. */
export interface JoinedNamespaces {
  readonly pid?: string;
  readonly ipc?: string;
}

/** Of Docker's mode strings: the container in `container:<id>`. */
export const containerOfMode = (mode: string): string | undefined => /^container:(.+)$/s.exec(mode)?.[1];

/** Whether a NetworkMode gives a namespace of the container's own. */
export const hasOwnNetwork = (mode: string): boolean =>
  mode !== "host" && containerOfMode(mode) === undefined;

export function namespacesOf(
  hostConfig: HostConfig,
  sandbox: Sandbox,
  joined: JoinedNamespaces,
): readonly Namespace[] {
  const own = (type: Namespace["type"], mode: string, path?: string): readonly Namespace[] =>
    mode === "host" ? [] : [{ type, ...(path !== undefined && { path }) }];
  return [
    { type: "mount" },
    ...own("network", sandbox.mode, sandbox.key),
    ...own("uts", hostConfig.UTSMode),
    ...own("pid", hostConfig.PidMode, joined.pid),
    ...own("ipc", hostConfig.IpcMode, joined.ipc),
    ...own("cgroup", hostConfig.CgroupnsMode),
  ];
}
