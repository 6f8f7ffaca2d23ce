/**
 * Fields of Docker's HostConfig that are not carried out here yet. Nothing that was asked for is ignored in
 * silence: with Docker's own default they pass, with anything else they are named.
 */
type Check = (value: unknown) => boolean;

const isAbsent: Check = (value) => value === undefined || value === null;
const isEmpty: Check = (value) =>
  isAbsent(value) ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    isAbsent(value) || values.includes(value);
const anything: Check = () => true;

/** What each field may be. */
const FIELDS: Readonly<Record<string, Check>> = {
  Annotations: isEmpty,
  BlkioDeviceReadBps: isEmpty,
  BlkioDeviceReadIOps: isEmpty,
  BlkioDeviceWriteBps: isEmpty,
  BlkioDeviceWriteIOps: isEmpty,
  BlkioWeight: isEmpty,
  BlkioWeightDevice: isEmpty,
  Cgroup: isEmpty,
  // Docker's defaults: `host` on cgroup v1, `private` on v2. The API's empty string means just these.
  CgroupnsMode: isEmpty,
  /** The client writes that file itself. */
  ContainerIDFile: anything,
  CpuCount: isEmpty,
  CpuPercent: isEmpty,
  CpuRealtimePeriod: isEmpty,
  CpuRealtimeRuntime: isEmpty,
  DeviceCgroupRules: isEmpty,
  DeviceRequests: isEmpty,
  Devices: isEmpty,
  IOMaximumBandwidth: isEmpty,
  IOMaximumIOps: isEmpty,
  Isolation: oneOf("", "default"),
  KernelMemory: isEmpty,
  KernelMemoryTCP: isEmpty,
  MemorySwappiness: oneOf(-1),
  Mounts: isEmpty,
  OomKillDisable: isEmpty,
  StorageOpt: isEmpty,
  /** There is no remapping of users, so the host's own user namespace is what each container has. */
  UsernsMode: oneOf("", "host"),
  VolumeDriver: isEmpty,
  VolumesFrom: isEmpty,
};

/** The same of a network's EndpointSettings. Those that the engine itself sets are shown, and may come back. */
const IPAM_FIELDS: Readonly<Record<string, Check>> = { LinkLocalIPs: isEmpty };

/** Those that are carried out: the names of HostConfig in types.ts. */
const CARRIED_OUT = new Set(
  (
    "NetworkMode AutoRemove Privileged ReadonlyRootfs Init CapAdd CapDrop SecurityOpt GroupAdd Binds Tmpfs Dns " +
    "DnsSearch DnsOptions ExtraHosts Sysctls PidMode IpcMode UTSMode CgroupParent ShmSize OomScoreAdj Memory " +
    "MemoryReservation MemorySwap NanoCpus CpuShares CpuPeriod CpuQuota CpusetCpus CpusetMems PidsLimit Ulimits " +
    "RestartPolicy LogConfig ConsoleSize MaskedPaths ReadonlyPaths Runtime " +
    "PortBindings PublishAllPorts Links"
  ).split(" "),
);

/**
 * The names of fields in a client's HostConfig that ask for what is not built in: `["VolumesFrom"]`. Fields
 * that Docker does not know pass, as they do with Docker.
 */
export function unsupportedHostConfig(hostConfig: Readonly<Record<string, unknown>>): string[] {
  return refused(hostConfig, FIELDS).filter((name) => !CARRIED_OUT.has(name));
}

/** Likewise of one network's settings: `["IPAMConfig.LinkLocalIPs"]`. */
export function unsupportedEndpointSettings(settings: Readonly<Record<string, unknown>>): string[] {
  const ipam = Object(settings.IPAMConfig ?? {}) as Readonly<Record<string, unknown>>;
  return refused(ipam, IPAM_FIELDS).map((name) => `IPAMConfig.${name}`);
}

const refused = (
  given: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
): string[] =>
  Object.entries(given)
    .filter(([name, value]) => !(checks[name] ?? anything)(value))
    .map(([name]) => name);
