import type { HostConfig } from "../../container/types.ts";
import { mountRequest } from "./mounts.ts";

/** What dockerd shows of everything that was not asked for (Engine API, HostConfig). */
const UNASKED = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "json-file", Config: {} },
  NetworkMode: "bridge",
  PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "private",
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "private",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 67108864,
  Runtime: "runc",
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: null,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  MaskedPaths: [] as readonly string[] | null,
  ReadonlyPaths: [] as readonly string[] | null,
};

/** Lists that dockerd shows as `null` while they are empty, and maps that it leaves out. */
const NULL_WHEN_EMPTY = [
  "Binds",
  "BlkioDeviceReadBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceWriteIOps",
  "BlkioWeightDevice",
  "CapAdd",
  "CapDrop",
  "DeviceCgroupRules",
  "DeviceRequests",
  "Devices",
  "Dns",
  "DnsOptions",
  "DnsSearch",
  "ExtraHosts",
  "GroupAdd",
  "Links",
  "SecurityOpt",
  "Ulimits",
  "VolumesFrom",
] as const;
const ABSENT_WHEN_EMPTY = ["Mounts", "Tmpfs", "Sysctls", "Annotations", "StorageOpt"] as const;
const ABSENT_WHEN_ZERO = ["KernelMemory", "KernelMemoryTCP"] as const;

const isEmpty = (value: object | null | undefined) => !value || Object.keys(value).length === 0;

/** Both fields of each binding, however few were given: clients read them unasked. */
const shownBindings = (bindings: HostConfig["PortBindings"]) =>
  Object.fromEntries(
    Object.entries(bindings).map(([port, each]) => [
      port,
      each?.map(({ HostIp = "", HostPort = "" }) => ({ HostIp, HostPort })) ?? null,
    ]),
  );

/** `HostConfig` of inspect: what was asked for, with all the rest as Docker has it. */
export function hostConfigOf(config: HostConfig): object {
  const shown: Record<string, unknown> = {
    ...UNASKED,
    ...config,
    PortBindings: shownBindings(config.PortBindings),
    Mounts: config.Mounts.map(mountRequest),
  };
  for (const name of NULL_WHEN_EMPTY) if (isEmpty(config[name])) shown[name] = null;
  for (const name of ABSENT_WHEN_EMPTY) if (isEmpty(config[name])) delete shown[name];
  for (const name of ABSENT_WHEN_ZERO) if (config[name] === 0) delete shown[name];
  return shown;
}
