import { existsSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import type { Supervisor } from "../container/process/monitor-types.ts";
import { type HostAbilities, readHostAbilities } from "../container/spec/host.ts";
import { formatPrefix } from "../lib/ip.ts";
import { hostFacts } from "../linux/host.ts";
import { programVersion } from "./programs.ts";
import type { ContainerDefaults, EngineSettings } from "./settings.ts";
import type { ResourceSupport, SystemView } from "./types.ts";

/** What `systemView` tells of parts that are fixed while the engine runs. */
export interface SystemParts {
  readonly id: string;
  readonly startedAt: string;
  readonly settings: EngineSettings;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly supervisor: Pick<Supervisor, "runtime" | "monitorVersion">;
  readonly storageDriver: string;
  readonly listeners: number;
}

let abilities: HostAbilities | undefined;

/** The engine and its machine as `docker info` shows them; what can change is read anew each time. */
export async function systemView(parts: SystemParts): Promise<SystemView> {
  const { settings, supervisor } = parts;
  abilities ??= readHostAbilities();
  const ipForwarding = readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1";
  const [runtime, init] = await Promise.all([
    programVersion(supervisor.runtime.path),
    abilities.init ? programVersion(abilities.init) : undefined,
  ]);
  const support = supportOf(abilities);
  return {
    ...hostFacts(),
    id: parts.id,
    version: settings.version,
    dataRoot: settings.dataRoot,
    execRoot: settings.execRoot,
    labels: settings.labels,
    cgroupVersion: abilities.cgroupVersion,
    cgroupDriver: parts.cgroupDriver,
    storageDriver: parts.storageDriver,
    backingFilesystem: filesystemOf(settings.dataRoot),
    runtime,
    ...(init && { init }),
    monitorVersion: supervisor.monitorVersion,
    liveRestore: settings.liveRestore,
    logDriver: settings.defaultLog?.Type ?? "json-file",
    ipForwarding,
    support,
    security: securityOf(abilities, settings.containerDefaults),
    insecureRegistries: settings.insecureRegistries,
    registryMirrors: settings.registryMirrors,
    addressPools: settings.defaultAddressPools.map(({ base, size }) => ({ base: formatPrefix(base), size })),
    openFiles: readdirSync("/proc/self/fd").length,
    listeners: parts.listeners,
    warnings: [
      ...warningsOf(abilities, support, ipForwarding),
      ...(/^(builtin)?$/.test(settings.containerDefaults?.seccompProfile ?? "")
        ? []
        : ["WARNING: daemon is not using the default seccomp profile"]),
    ],
    startedAt: parts.startedAt,
  };
}

/** By f_type of statfs(2), in Docker's names. */
const FILESYSTEMS: Readonly<Record<number, string>> = {
  61267: "extfs",
  1481003842: "xfs",
  2435016766: "btrfs",
  16914836: "tmpfs",
  801189825: "zfs",
  2035054128: "overlayfs",
  4076150800: "f2fs",
};

const filesystemOf = (path: string): string => FILESYSTEMS[statfsSync(path).type] ?? "<unknown>";

const supportOf = ({ controllers, cgroupAbilities, swapLimit }: HostAbilities): ResourceSupport => ({
  memory: controllers.has("memory"),
  swap: swapLimit,
  kernelMemoryTcp: cgroupAbilities.has("kernel-memory-tcp"),
  oomKillDisable: cgroupAbilities.has("oom-kill-disable"),
  cpu: controllers.has("cpu"),
  cpuset: controllers.has("cpuset"),
  pids: controllers.has("pids"),
});

/** Docker's words for what confines containers here. */
function securityOf(
  { confinement, cgroupVersion }: HostAbilities,
  defaults: ContainerDefaults = {},
): readonly string[] {
  const profile = defaults.seccompProfile || "builtin";
  return [
    ...(confinement.appArmor ? ["name=apparmor"] : []),
    ...(existsSync("/proc/sys/kernel/seccomp") ? [`name=seccomp,profile=${profile}`] : []),
    ...(confinement.seLinux ? ["name=selinux"] : []),
    ...(cgroupVersion === "2" ? ["name=cgroupns"] : []),
    ...(defaults.noNewPrivileges ? ["name=no-new-privileges"] : []),
  ];
}

/** In Docker's words and order (moby, daemon/info_unix.go). */
function warningsOf(
  { cgroupVersion, cgroupAbilities }: HostAbilities,
  support: ResourceSupport,
  ipForwarding: boolean,
): readonly string[] {
  const unified = cgroupVersion === "2";
  const io = (on1: string, on2: string) => (unified ? `io.max (${on2})` : `blkio throttle.${on1}_device`);
  const missing: readonly [present: boolean, what: string][] = [
    [support.memory, "memory limit"],
    [support.swap, "swap limit"],
    [support.kernelMemoryTcp || unified, "kernel memory TCP limit"],
    [support.oomKillDisable || unified, "oom kill disable"],
    [support.cpu, "cpu cfs quota"],
    [support.cpu, "cpu cfs period"],
    [support.cpu, "cpu shares"],
    [support.cpuset, "cpuset"],
    [!unified || cgroupAbilities.has("io-weight"), "io.weight"],
    [!unified || cgroupAbilities.has("io-weight-device"), "io.weight (per device)"],
    [cgroupAbilities.has("io-read-bps"), io("read_bps", "rbps")],
    [cgroupAbilities.has("io-write-bps"), io("write_bps", "wbps")],
    [cgroupAbilities.has("io-read-iops"), io("read_iops", "riops")],
    [cgroupAbilities.has("io-write-iops"), io("write_iops", "wiops")],
  ];
  return [
    ...missing.flatMap(([present, what]) => (present ? [] : [`WARNING: No ${what} support`])),
    ...(ipForwarding ? [] : ["WARNING: IPv4 forwarding is disabled"]),
  ];
}
