/** The parts of a body that say what a container may use (Engine API, Resources): schemas, and Go's zero values. */
import type {
  DeviceMapping,
  DeviceRate,
  DeviceRequest,
  DeviceWeight,
  HostConfig,
} from "../container/types.ts";
import { boolean, integer, list, map, object, type Schema, text } from "./schema.ts";
import type { Minor } from "./version.ts";

const uint = { ...integer, minimum: 0 };
const rates = list(object({ Path: text, Rate: uint }));

/** Those that `update` takes as well. */
export const limitSchemas: Readonly<Record<string, Schema>> = {
  Memory: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  KernelMemory: integer,
  NanoCpus: integer,
  CpuShares: integer,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  PidsLimit: integer,
  BlkioWeight: { ...uint, maximum: 65_535 },
};

export const resourceSchemas: Readonly<Record<string, Schema>> = {
  ...limitSchemas,
  KernelMemoryTCP: integer,
  MemorySwappiness: integer,
  OomKillDisable: boolean,
  BlkioWeightDevice: list(object({ Path: text, Weight: { ...uint, maximum: 65_535 } })),
  BlkioDeviceReadBps: rates,
  BlkioDeviceWriteBps: rates,
  BlkioDeviceReadIOps: rates,
  BlkioDeviceWriteIOps: rates,
  Devices: list(object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  DeviceCgroupRules: list({ type: "string" }),
  DeviceRequests: list(
    object({
      Driver: text,
      Count: integer,
      DeviceIDs: list({ type: "string" }),
      Capabilities: list(list({ type: "string" })),
      Options: map({ type: "string" }),
    }),
  ),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: uint,
  IOMaximumBandwidth: uint,
  Cgroup: text,
  CgroupnsMode: text,
  UsernsMode: text,
  Isolation: text,
  ContainerIDFile: text,
  Annotations: map({ type: "string" }),
  StorageOpt: map({ type: "string" }),
};

type Loose<T> = { readonly [K in keyof T]?: T[K] | null };

/** As the schema lets it through: members of members may be missing. */
export interface ResourceBody {
  readonly BlkioWeightDevice?: readonly Loose<DeviceWeight>[];
  readonly BlkioDeviceReadBps?: readonly Loose<DeviceRate>[];
  readonly BlkioDeviceWriteBps?: readonly Loose<DeviceRate>[];
  readonly BlkioDeviceReadIOps?: readonly Loose<DeviceRate>[];
  readonly BlkioDeviceWriteIOps?: readonly Loose<DeviceRate>[];
  readonly Devices?: readonly Loose<DeviceMapping>[];
  readonly DeviceRequests?: readonly Loose<DeviceRequest>[];
}

type Whole = Partial<Pick<HostConfig, keyof ResourceBody>>;

const rateOf = ({ Path, Rate }: Loose<DeviceRate>): DeviceRate => ({ Path: Path ?? "", Rate: Rate ?? 0 });

/** The lists of a body with all of their members' members. */
export function wholeResources(body: ResourceBody): Whole {
  const { BlkioWeightDevice, Devices, DeviceRequests } = body;
  const rateLists = {
    BlkioDeviceReadBps: body.BlkioDeviceReadBps,
    BlkioDeviceWriteBps: body.BlkioDeviceWriteBps,
    BlkioDeviceReadIOps: body.BlkioDeviceReadIOps,
    BlkioDeviceWriteIOps: body.BlkioDeviceWriteIOps,
  };
  return {
    ...Object.fromEntries(
      Object.entries(rateLists).flatMap(([name, given]) => (given ? [[name, given.map(rateOf)]] : [])),
    ),
    ...(BlkioWeightDevice && {
      BlkioWeightDevice: BlkioWeightDevice.map(({ Path, Weight }) => ({
        Path: Path ?? "",
        Weight: Weight ?? 0,
      })),
    }),
    ...(Devices && {
      Devices: Devices.map(({ PathOnHost, PathInContainer, CgroupPermissions }) => ({
        PathOnHost: PathOnHost ?? "",
        PathInContainer: PathInContainer ?? "",
        CgroupPermissions: CgroupPermissions ?? "",
      })),
    }),
    ...(DeviceRequests && {
      DeviceRequests: DeviceRequests.map(({ Driver, Count, DeviceIDs, Capabilities, Options }) => ({
        Driver: Driver ?? "",
        Count: Count ?? 0,
        DeviceIDs: DeviceIDs ?? null,
        Capabilities: Capabilities ?? null,
        Options: Options ?? null,
      })),
    }),
  };
}

/** A request of an older client means what it meant then, and what has been taken away since is passed over. */
export function asOfVersion(hostConfig: Partial<HostConfig>, minor: Minor): Partial<HostConfig> {
  const { KernelMemory, KernelMemoryTCP, Annotations, AutoRemove, IpcMode, ...rest } = hostConfig;
  const mode = IpcMode || (minor < 40 ? "shareable" : "");
  return {
    ...rest,
    ...(KernelMemory !== undefined && minor < 42 && { KernelMemory }),
    ...(KernelMemoryTCP !== undefined && minor >= 40 && { KernelMemoryTCP }),
    ...(Annotations !== undefined && minor >= 43 && { Annotations }),
    // Older clients remove it themselves.
    ...(AutoRemove !== undefined && minor >= 25 && { AutoRemove }),
    ...(mode !== "" && { IpcMode: mode }),
  };
}
