/** The engine and its host in Docker's JSON (Engine API, SystemVersion and SystemInfo). */
import type { SystemView } from "../../engine/types.ts";
import { formatVersion, type Minor, NEWEST, OLDEST } from "../version.ts";

/** Go's names of architectures, which Docker's clients know. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  x64: "amd64",
  aarch64: "arm64",
};

export function systemVersion(system: SystemView) {
  const arch = GO_ARCHITECTURES[system.architecture] ?? system.architecture;
  const shared = {
    ApiVersion: formatVersion(NEWEST),
    MinAPIVersion: formatVersion(OLDEST),
    GitCommit: "",
    GoVersion: `node ${process.version}`, // the language it runs on,
    Os: "linux",
    Arch: arch,
    KernelVersion: system.kernel,
    BuildTime: "",
  };
  const { runtime, monitorVersion } = system;
  return {
    Platform: { Name: "Drawbridge" },
    Components: [
      { Name: "Engine", Version: system.version, Details: { ...shared, Experimental: "false" } },
      { Name: runtime.name, Version: runtime.version, Details: { Path: runtime.path } },
      { Name: "conmon", Version: monitorVersion, Details: {} },
    ],
    Version: system.version,
    ...shared,
  };
}

/** How many there are of what. */
export interface Counts {
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
  readonly images: number;
}

/** @param networkWarnings what the networks have to say of this host, a sentence each */
export function systemInfo(
  system: SystemView,
  networkWarnings: readonly string[],
  counts: Counts,
  now: Date,
  minor: Minor,
) {
  const { runtime } = system;
  const warnings = [...new Set([...system.warnings, ...networkWarnings])];
  return {
    ID: system.id,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: system.storageDriver,
    DriverStatus: [],
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "macvlan", "null"],
      Authorization: null,
      Log: ["json-file", "local", "none"],
    },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: system.ipForwarding,
    ...(minor < 50 && { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    Debug: false,
    OomKillDisable: system.cgroupVersion === "1",
    SystemTime: now.toISOString(),
    LoggingDriver: "json-file",
    CgroupDriver: system.cgroupDriver,
    CgroupVersion: system.cgroupVersion,
    KernelVersion: system.kernel,
    OperatingSystem: system.operatingSystem,
    OSVersion: system.osVersion,
    OSType: "linux",
    Architecture: system.architecture,
    IndexServerAddress: "",
    RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
    NCPU: system.cpus,
    MemTotal: system.memory,
    GenericResources: null,
    DockerRootDir: system.dataRoot,
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: system.name,
    Labels: system.labels,
    ExperimentalBuild: false,
    ServerVersion: system.version,
    Runtimes: { [runtime.name]: { path: runtime.path } },
    DefaultRuntime: runtime.name,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: system.liveRestore,
    Isolation: "",
    InitBinary: "",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: runtime.name === "runc" ? runtime.version : "" },
    InitCommit: { ID: "" },
    SecurityOptions: ["name=seccomp,profile=builtin"],
    ...(minor >= 49 && { FirewallBackend: { Driver: "nftables" } }),
    CDISpecDirs: [],
    Warnings: warnings.length > 0 ? warnings : null,
  };
}
