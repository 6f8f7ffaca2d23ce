/**
 * What the engine is told at its start: flags and configuration file, checked and with defaults filled in.
 * `daemon/config.ts` makes it; `createEngine` and `cleanHost` take it.
 */
import type { ContainersOptions } from "../container/options.ts";
import type { Logger } from "../lib/log.ts";
import type { NetworkSettings } from "../network/settings.ts";

export type { AddressPool, BridgeSettings } from "../network/settings.ts";

/** The part that a running engine can be given anew (SIGHUP). */
export interface ReloadableSettings {
  /** `--label`, `key=value` each. */
  readonly labels: readonly string[];
  /** `--shutdown-timeout`, seconds; -1 waits without end. */
  readonly shutdownTimeout: number;
  /** Containers go on when the engine stops. Docker's default is false, ours true. */
  readonly liveRestore: boolean;
  /** Carried for the registry client; `registry[:port]`, CIDR, or URL as dockerd takes them. */
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
}

export type ContainerDefaults = NonNullable<ContainersOptions["settings"]["containerDefaults"]>;

export interface EngineSettings extends ReloadableSettings, NetworkSettings {
  /** The engine's own version, from package.json. */
  readonly version: string;
  /** Absolute paths: what lasts, and what a reboot may take. */
  readonly dataRoot: string;
  readonly execRoot: string;
  /** `--cgroup-parent`; undefined for the driver's default. */
  readonly cgroupParent?: string;
  /** `--exec-opt native.cgroupdriver=…`; undefined: systemd on cgroup v2 under systemd, else cgroupfs. */
  readonly cgroupDriver?: "cgroupfs" | "systemd";
  /** `--log-driver`, `--log-opt`: for containers that name no driver, or the same one; json-file without options. */
  readonly defaultLog?: {
    readonly Type: string;
    readonly Config: Readonly<Record<string, string>>;
  };
  /** `--default-shm-size`, bytes; 64 MiB unless told. */
  readonly defaultShmSize?: number;
  /** `--default-ulimit`, `--init`, `--default-ipc-mode` … : for containers that ask for nothing else. */
  readonly containerDefaults?: ContainerDefaults;
  readonly logger: Logger;
}
