/** A create request with all that was left out filled in, from the image and from Docker's defaults. Pure. */
import type { Image } from "../image/types.ts";
import { invalid } from "../lib/errors.ts";
import { type ContainerID, shortId } from "../lib/ids.ts";
import { type EngineDefaults, withEngineDefaults } from "./engine-defaults.ts";
import { inheritHealthcheck } from "./health/check.ts";
import { NO_LIMITS } from "./limits/fitting.ts";
import { type LogConfig, logConfigOf } from "./logs/options.ts";
import { exposedPorts, portMapOf } from "./network/ports.ts";
import { configEnvironment } from "./spec/environment.ts";
import type { HostAbilities } from "./spec/host.ts";
import type { ContainerConfig, CreateRequest, HostConfig } from "./types.ts";

/** Docker's: 64 MiB. */
export const DEFAULT_SHM_SIZE = 64 << 20;

/** Paths that tell of the host, or change it. */
const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export interface Defaults {
  readonly host: Pick<HostAbilities, "hostname" | "maskedCpuPaths" | "cgroupVersion">;
  readonly shmSize: number;
  readonly runtime: string;
  readonly log: LogConfig;
  readonly engine?: EngineDefaults;
}

/** The user's entrypoint takes the image's command away with its entrypoint; the user's command only that. */
function commandOf(
  asked: CreateRequest["config"],
  image: Image,
): Pick<ContainerConfig, "Entrypoint" | "Cmd"> {
  // `--entrypoint ""` is sent as one empty word: no entrypoint, and the image's is gone.
  const reset = asked.Entrypoint?.length === 1 && asked.Entrypoint[0] === "";
  const given = reset ? [] : (asked.Entrypoint ?? []);
  const inherits = !reset && given.length === 0;
  const Entrypoint = inherits ? (image.config.Entrypoint ?? []) : given;
  const ownCommand = asked.Cmd ?? [];
  const Cmd = ownCommand.length > 0 || !inherits ? ownCommand : (image.config.Cmd ?? []);
  return {
    Entrypoint: Entrypoint.length > 0 ? Entrypoint : null,
    Cmd: Cmd.length > 0 ? Cmd : null,
  };
}

export function configOf(
  request: CreateRequest,
  id: ContainerID,
  image: Image,
  networkMode: string,
  defaults: Defaults,
): ContainerConfig {
  const asked = request.config;
  const base = image.config;
  const healthcheck = inheritHealthcheck(asked.Healthcheck, base.Healthcheck);
  const hostname = asked.Hostname || (networkMode === "host" ? defaults.host.hostname : shortId(id));
  return {
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Domainname: "",
    ...base,
    ...asked,
    Hostname: hostname,
    Env: configEnvironment(base.Env ?? [], asked.Env ?? []),
    Labels: { ...base.Labels, ...asked.Labels },
    ...((base.Volumes || asked.Volumes) && { Volumes: { ...base.Volumes, ...asked.Volumes } }),
    ExposedPorts: { ...base.ExposedPorts, ...exposedPorts(asked.ExposedPorts) },
    User: asked.User || base.User || "",
    WorkingDir: asked.WorkingDir || base.WorkingDir || "",
    ...commandOf(asked, image),
    ...(healthcheck && { Healthcheck: healthcheck }),
  };
}

/** `Path` and `Args`. @throws invalid where there is nothing to run, in Docker's words */
export function commandLineOf(config: ContainerConfig): {
  readonly path: string;
  readonly args: readonly string[];
} {
  const [path, ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (path === undefined) throw invalid("no command specified");
  return { path, args };
}

/** What nobody asked for. */
export const NOTHING_ASKED = {
  AutoRemove: false,
  Privileged: false,
  ReadonlyRootfs: false,
  CapAdd: [],
  CapDrop: [],
  SecurityOpt: [],
  GroupAdd: [],
  Binds: [],
  Tmpfs: {},
  Mounts: [],
  VolumesFrom: [],
  VolumeDriver: "",
  Dns: [],
  DnsSearch: [],
  DnsOptions: [],
  ExtraHosts: [],
  Sysctls: {},
  PidMode: "",
  UTSMode: "",
  UsernsMode: "",
  Cgroup: "",
  CgroupParent: "",
  Isolation: "",
  ContainerIDFile: "",
  Annotations: {},
  StorageOpt: {},
  OomScoreAdj: 0,
  Ulimits: [],
  ConsoleSize: [0, 0],
  PublishAllPorts: false,
  PortBindings: {},
  Links: [],
  Devices: [],
  DeviceCgroupRules: [],
  DeviceRequests: [],
  CpuCount: 0,
  ...NO_LIMITS,
} as const satisfies Partial<HostConfig>;

/** On cgroups v1 a privileged container sees the host's, whatever the engine was told. */
function cgroupnsModeOf(privileged: boolean, { host, engine }: Defaults): "private" | "host" {
  if (host.cgroupVersion === "2") return engine?.cgroupnsMode ?? "private";
  return privileged ? "host" : (engine?.cgroupnsMode ?? "host");
}

export function hostConfigOf(asked: CreateRequest["hostConfig"], defaults: Defaults): HostConfig {
  const privileged = asked.Privileged ?? false;
  const memory = asked.Memory ?? 0;
  const { engine = {} } = defaults;
  return {
    ...NOTHING_ASKED,
    ...asked,
    ...withEngineDefaults(asked, engine),
    PortBindings: portMapOf(asked.PortBindings ?? {}),
    // 0 and -1 are none, and shown so; runtimes write a -1 out, which cgroups v1 take for a bad number.
    PidsLimit: asked.PidsLimit && asked.PidsLimit > 0 ? asked.PidsLimit : null,
    // Docker's rule: as much swap again as memory.
    MemorySwap: asked.MemorySwap || (memory > 0 ? memory * 2 : 0),
    MemorySwappiness: asked.MemorySwappiness === -1 ? null : (asked.MemorySwappiness ?? null),
    OomKillDisable: asked.OomKillDisable ?? false,
    NetworkMode: !asked.NetworkMode || asked.NetworkMode === "default" ? "bridge" : asked.NetworkMode,
    IpcMode: asked.IpcMode || engine.ipcMode || "private",
    CgroupnsMode: asked.CgroupnsMode || cgroupnsModeOf(privileged, defaults),
    ShmSize: asked.ShmSize || defaults.shmSize,
    RestartPolicy: {
      Name: asked.RestartPolicy?.Name || "no",
      MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    LogConfig: logConfigOf(asked.LogConfig, defaults.log),
    MaskedPaths:
      asked.MaskedPaths ?? (privileged ? null : [...MASKED_PATHS, ...defaults.host.maskedCpuPaths]),
    ReadonlyPaths: asked.ReadonlyPaths ?? (privileged ? null : READONLY_PATHS),
    Runtime: asked.Runtime || defaults.runtime,
  };
}
