import type { Builder } from "../build/types.ts";
import type { Containers } from "../container/types.ts";
import type { Images } from "../image/types.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Networks } from "../network/types.ts";
import type { Registry } from "../registry/types.ts";
import type { Volumes } from "../volume/types.ts";

/** Which of a container's resources this machine can limit. */
export interface ResourceSupport {
  readonly memory: boolean;
  readonly swap: boolean;
  readonly kernelMemoryTcp: boolean;
  readonly oomKillDisable: boolean;
  readonly cpu: boolean;
  readonly cpuset: boolean;
  readonly pids: boolean;
}

/** A program that the engine stands on, as it tells of itself. */
export interface ProgramVersion {
  readonly name: string;
  readonly path: string;
  /** Empty where it does not tell. */
  readonly version: string;
  readonly commit: string;
}

/** What the engine is and stands on, for `version` and `info`. */
export interface SystemView extends HostFacts {
  readonly id: string;
  /** The engine's own version. */
  readonly version: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly labels: readonly string[];
  readonly cgroupVersion: "1" | "2";
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly storageDriver: string;
  /** Of the data root: `extfs`, `xfs` … */
  readonly backingFilesystem: string;
  readonly runtime: ProgramVersion;
  /** What `--init` runs; absent where none is installed. */
  readonly init?: ProgramVersion;
  readonly monitorVersion: string;
  readonly liveRestore: boolean;
  /** Of containers that name none. */
  readonly logDriver: string;
  readonly ipForwarding: boolean;
  readonly support: ResourceSupport;
  /** What confines containers, in Docker's words: `name=seccomp,profile=builtin`. */
  readonly security: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  /** Those of `--default-address-pool`; empty for the built-in ones. */
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  /** The engine's own descriptors, and who listens to its events. */
  readonly openFiles: number;
  readonly listeners: number;
  /** What a user should know of this machine, a sentence each. */
  readonly warnings: readonly string[];
  /** RFC 3339. */
  readonly startedAt: string;
}

/** Events of the past few minutes and those to come. */
export interface Events {
  publish(event: Omit<EngineEvent, "time">): void;
  subscribe(listener: (event: EngineEvent) => void): () => void;
  /** Those kept (the last 256) from `since` on, nanoseconds since 1970. */
  past(since: bigint): readonly EngineEvent[];
  /** How many listen. */
  readonly listeners: number;
}

/** All that the API can ask. */
export interface Engine {
  readonly containers: Containers;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly registry: Registry;
  readonly builder: Builder;
  readonly events: Events;
  system(): Promise<SystemView>;
}
