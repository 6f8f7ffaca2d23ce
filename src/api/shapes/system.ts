/** The engine and its host in Docker's JSON (Engine API, SystemVersion and SystemInfo). */
import type { ProgramVersion, SystemView } from "../../engine/types.ts";
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
  const { runtime, init, monitorVersion } = system;
  const component = ({ name, version, commit }: ProgramVersion) => ({
    Name: name,
    Version: version,
    Details: { GitCommit: commit },
  });
  return {
    Platform: { Name: "Drawbridge" },
    Components: [
      { Name: "Engine", Version: system.version, Details: { ...shared, Experimental: "false" } },
      component(runtime),
      { Name: "conmon", Version: monitorVersion, Details: { GitCommit: "" } },
      ...(init ? [component(init)] : []),
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
  const { runtime, init, support } = system;
  const warnings = [...new Set([...system.warnings, ...networkWarnings])];
  /** Until 1.49 with the one that was expected, which is whatever there is. */
  const commit = (ID: string) => ({ ID, ...(minor < 49 && { Expected: ID }) });
  return {
    ID: system.id,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: system.storageDriver,
    DriverStatus: [
      ["Backing Filesystem", system.backingFilesystem],
      ["Supports d_type", "true"],
    ],
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "macvlan", "null"],
      Authorization: null,
      Log: ["json-file", "local", "none"],
    },
    MemoryLimit: support.memory,
    SwapLimit: support.swap,
    ...(support.kernelMemoryTcp && { KernelMemoryTCP: true }),
    CpuCfsPeriod: support.cpu,
    CpuCfsQuota: support.cpu,
    CPUShares: support.cpu,
    CPUSet: support.cpuset,
    PidsLimit: support.pids,
    IPv4Forwarding: system.ipForwarding,
    ...(minor < 50 && { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    Debug: false,
    NFd: system.openFiles,
    OomKillDisable: support.oomKillDisable,
    NGoroutines: process.getActiveResourcesInfo().length, // what comes closest
    SystemTime: now.toISOString(),
    LoggingDriver: system.logDriver,
    CgroupDriver: system.cgroupDriver,
    CgroupVersion: system.cgroupVersion,
    NEventsListener: system.listeners,
    KernelVersion: system.kernel,
    OperatingSystem: system.operatingSystem,
    OSVersion: system.osVersion,
    OSType: "linux",
    Architecture: system.architecture,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(system, minor),
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
    InitBinary: init?.name ?? "",
    ContainerdCommit: commit(`conmon ${system.monitorVersion}`), // what stands in its place
    RuncCommit: commit(runtime.commit || "N/A"),
    InitCommit: commit(init?.commit || init?.version || "N/A"),
    SecurityOptions: minor < 25 ? system.security.map(nameOf) : system.security,
    ...(system.addressPools.length > 0 && {
      DefaultAddressPools: system.addressPools.map(({ base, size }) => ({ Base: base, Size: size })),
    }),
    ...(minor >= 49 && { FirewallBackend: { Driver: "nftables" } }),
    CDISpecDirs: [],
    Warnings: warnings.length > 0 ? warnings : null,
  };
}

/** `seccomp` of `name=seccomp,profile=builtin`: all that was told before 1.25. */
const nameOf = (option: string): string => /^name=([^,]+)/.exec(option)?.[1] ?? option;

/** A registry named without a network's prefix, as `--insecure-registry` takes both. */
const isNetwork = (registry: string): boolean => /\/\d+$/.test(registry);

function registryConfig({ insecureRegistries, registryMirrors }: SystemView, minor: Minor) {
  const index = (Name: string, Mirrors: readonly string[], Secure: boolean, Official: boolean) => [
    Name,
    { Name, Mirrors, Secure, Official },
  ];
  return {
    ...(minor < 47 && {
      AllowNondistributableArtifactsCIDRs: [],
      AllowNondistributableArtifactsHostnames: [],
    }),
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...insecureRegistries.filter(isNetwork)],
    IndexConfigs: Object.fromEntries([
      index("docker.io", registryMirrors, true, true),
      ...insecureRegistries.filter((each) => !isNetwork(each)).map((each) => index(each, [], false, false)),
    ]),
    Mirrors: registryMirrors,
  };
}
