/** A host run by another engine, with networks and containers on it, as what is asked of it needs them. */
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { CommandResult } from "../../test/support/command.ts";
import type { ThrowawayHost } from "../../test/support/host.ts";
import type { Place } from "../../test/support/probe.ts";

/** A container, and what reaches it. */
export interface Party extends Place {
  readonly address: string;
  /** Where its network has IPv6. */
  readonly address6: string;
  /** Of the network that it is on, on the host. */
  readonly gateway: string;
}

export interface Lab extends AsyncDisposable {
  /** `dockerd 20.10.24`. */
  readonly name: string;
  readonly engine: "docker" | "podman";
  readonly host: ThrowawayHost;
  /** For `drawbridge` and the engine's own command. */
  readonly environment: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  readonly parties: Readonly<Record<string, Party>>;
}

/** Run in the host, as its administrator would. */
export const inHost = (lab: Pick<Lab, "host" | "environment">, command: string): Promise<CommandResult> =>
  lab.host.run("sh", ["-c", command], { check: false, env: lab.environment, timeout: 60_000 });

/** @throws Error with what the command said */
export async function must(lab: Pick<Lab, "host" | "environment">, command: string): Promise<string> {
  const { stdout } = await lab.host.run("sh", ["-c", command], { env: lab.environment, timeout: 60_000 });
  return stdout.trim();
}

/** The namespace of a process of the host's, as it is entered from here. */
export const netnsOf = (host: ThrowawayHost, pid: string): NetnsPath =>
  `/proc/${host.pid}/root/proc/${pid}/ns/net` as NetnsPath;

export const hostPlace = (host: ThrowawayHost): Place => ({
  name: "host",
  netns: `/proc/${host.pid}/ns/net` as NetnsPath,
});

export const outsidePlace = (host: ThrowawayHost): Place => ({
  name: "outside",
  netns: `/proc/${host.pid}/root${host.directory}/outside` as NetnsPath,
});
