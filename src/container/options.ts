/** What the life of containers stands on. */
import type { Images } from "../image/types.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import type { Turns } from "../lib/turns.ts";
import type { Networks } from "../network/types.ts";
import type { Store } from "../store/kv.ts";
import type { Volumes } from "../volume/types.ts";
import type { EngineDefaults } from "./engine-defaults.ts";
import type { LogConfig } from "./logs/options.ts";
import type { VolumeClaims } from "./mounts/volume-claims.ts";
import type { LogEntry, LogOptions, Supervisor } from "./process/monitor-types.ts";
import type { Ran } from "./process/programs.ts";
import type { Registry } from "./registry.ts";
import type { CompiledFilters } from "./spec/compiled-filters.ts";
import type { HostAbilities } from "./spec/host.ts";
import type { CgroupSettings } from "./spec/spec.ts";
import type { Container } from "./types.ts";

/** The lines of a log file; with `follow`, until `ended` resolves and the file is read to its end. */
export type ReadLog = (path: string, options: LogOptions, ended: Promise<unknown>) => AsyncIterable<LogEntry>;

export interface ContainersOptions {
  readonly store: Store;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly supervisor: Supervisor;
  readonly readLog: ReadLog;
  /** A short program of the host's, to its end. @throws unavailable where it can't be run at all */
  readonly run: (path: string, args: readonly string[]) => Promise<Ran>;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
  readonly logger: Logger;
  /** Absolute paths: what lasts, and what a reboot may take. */
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly settings: {
    /** For containers that name none; `/drawbridge`, or `system.slice` under systemd. */
    readonly cgroupParent?: string;
    readonly cgroupDriver?: "cgroupfs" | "systemd";
    /** For containers that name no driver; json-file without options. */
    readonly defaultLog?: LogConfig;
    /** Bytes; Docker's 64 MiB by default. */
    readonly defaultShmSize?: number;
    /** `seccompProfile` is a path, `unconfined` or `builtin`. */
    readonly containerDefaults?: Omit<EngineDefaults, "seccomp"> & { readonly seccompProfile?: string };
  };
  /** What the machine can do; read from it where absent. */
  readonly host?: HostAbilities;
}

/** What the parts of this room share. */
export interface Context extends Omit<ContainersOptions, "settings" | "host"> {
  readonly registry: Registry;
  readonly claims: VolumeClaims;
  readonly host: HostAbilities;
  readonly cgroups: CgroupSettings;
  readonly shmSize: number;
  readonly defaultLog: LogConfig;
  readonly engineDefaults: EngineDefaults;
  readonly filters: CompiledFilters;
  /** Health checks that are run at the same time. */
  readonly probes: Turns;
  /** An event of a container, with Docker's attributes. */
  readonly tell: (
    container: Container,
    action: string,
    attributes?: Readonly<Record<string, string>>,
  ) => void;
  /** The engine is stopping: nothing is started any more. */
  readonly isStopping: () => boolean;
  /** The engine has let go: what processes do is for the next one to find. */
  readonly isDetached: () => boolean;
}

/** Docker's actor of a container: its image, its name, its labels. */
export function containerEvent(
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): Omit<EngineEvent, "time"> {
  const { id, name, config } = container;
  return {
    type: "container",
    action,
    actor: { id, attributes: { ...config.Labels, image: config.Image, name, ...attributes } },
  };
}
