/** Where a container's files lie. */
import { dirname, join } from "node:path";
import type { ContainerID, ExecID } from "../lib/ids.ts";

export interface Roots {
  /** What lasts. */
  readonly dataRoot: string;
  /** What a reboot may take. */
  readonly execRoot: string;
}

/** `DATA_ROOT/containers/<id>`: log, hostname, hosts, resolv.conf. */
export const directoryOf = (roots: Roots, id: ContainerID): string => join(roots.dataRoot, "containers", id);

export const logPathOf = (roots: Roots, id: ContainerID): string =>
  join(directoryOf(roots, id), "container.log");

export interface NetworkFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

export function networkFilesOf(roots: Roots, id: ContainerID): NetworkFiles {
  const directory = directoryOf(roots, id);
  return {
    hostname: join(directory, "hostname"),
    hosts: join(directory, "hosts"),
    resolvConf: join(directory, "resolv.conf"),
  };
}

/** `EXEC_ROOT/runtime`: where the OCI runtime keeps what it knows of its containers. */
export const runtimeRootOf = ({ execRoot }: Pick<Roots, "execRoot">): string => join(execRoot, "runtime");

/** `EXEC_ROOT/containers/<id>`: all that belongs to running it. */
export const runtimeDirectoryOf = (roots: Roots, id: ContainerID): string =>
  join(roots.execRoot, "containers", id);

/**
 * The bundle of one run. Each run has its own: the monitor of the last one may still be leaving when the
 * next one starts.
 */
export const bundleOf = (roots: Roots, id: ContainerID, run: string): string =>
  join(runtimeDirectoryOf(roots, id), `run-${run}`);

/** Of a bundle, for the monitor; and the way back, from what the store keeps of a monitor. */
export const monitorDirectoryOf = (bundle: string): string => join(bundle, "monitor");
export const bundleOfMonitor = (directory: string): string => dirname(directory);

/** Of a run's health checks. */
export const healthDirectoryOf = (bundle: string): string => join(bundle, "health");

export const execDirectoryOf = (roots: Roots, id: ContainerID, exec: ExecID): string =>
  join(runtimeDirectoryOf(roots, id), `exec-${exec.slice(0, 16)}`);
