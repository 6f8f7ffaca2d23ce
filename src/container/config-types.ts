/**
 * What a container shall be, in Docker's own shape (Engine API, "Create a container"): what a client sent is stored and
 * shown again by inspect as it was, so its names are kept.
 */
import type { ImageConfig } from "../image/types.ts";

/** The portable part. Docker's ContainerConfig, defaults filled in from the image. */
export interface ContainerConfig extends ImageConfig {
  readonly Hostname: string;
  readonly Domainname: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  /** As the client wrote it: `busybox`. */
  readonly Image: string;
  readonly NetworkDisabled?: boolean;
  readonly StopTimeout?: number;
}

/** Docker's ThrottleDevice and WeightDevice. */
export interface DeviceRate {
  readonly Path: string;
  readonly Rate: number;
}
export interface DeviceWeight {
  readonly Path: string;
  readonly Weight: number;
}
export interface DeviceMapping {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  /** `rwm`. */
  readonly CgroupPermissions: string;
}

/** What a driver of devices is asked for: `--gpus`. */
export interface DeviceRequest {
  readonly Driver?: string;
  readonly Count?: number;
  readonly DeviceIDs?: readonly string[] | null;
  /** Any of these lists, of which it must have all. */
  readonly Capabilities?: readonly (readonly string[])[] | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

/** Docker's Mount: the long form of `-v` and `--tmpfs`. */
export interface MountRequest {
  readonly Type: "bind" | "volume" | "tmpfs" | "npipe" | "cluster" | "image";
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly Consistency?: string;
  readonly BindOptions?: {
    readonly Propagation?: string;
    readonly NonRecursive?: boolean;
    readonly CreateMountpoint?: boolean;
    readonly ReadOnlyNonRecursive?: boolean;
    readonly ReadOnlyForceRecursive?: boolean;
  } | null;
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly DriverConfig?: {
      readonly Name?: string;
      readonly Options?: Readonly<Record<string, string>> | null;
    } | null;
    readonly Subpath?: string;
  } | null;
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number;
    readonly Mode?: number;
    readonly Options?: readonly (readonly string[])[] | null;
  } | null;
}

/**
 * What is mounted in a container beside its root: settled at its creation from Binds, Mounts, Volumes, VolumesFrom
 * and the image's volumes (Docker API, MountPoint).
 */
export interface MountPoint {
  readonly Type: "bind" | "volume" | "tmpfs";
  /** Of a volume. */
  readonly Name?: string;
  /** A path of the host; of a volume its mountpoint; empty for a tmpfs. */
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string;
  /** As written: `z`, `ro`; for inspect. */
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
  /** What the engine needs beyond what inspect shows. */
  readonly plan: {
    readonly recursive: boolean;
    /** A volume that is empty is filled with what the image has there. */
    readonly copyUp: boolean;
    /** Make the host's directory where it is missing (`-v`, not `--mount`). */
    readonly makeSource: boolean;
    readonly subpath?: string;
    /** Of a tmpfs: options of mount(8). */
    readonly options?: readonly string[];
    /** Mounts below a read-only one are read-only as well, where the kernel can (Linux 5.12). */
    readonly readonlyRecursive?: boolean;
    /** By `Mounts`: shown by inspect with HostConfig.Mounts and not with Binds. */
    readonly specified?: boolean;
    /** It is not to run where mounts below can't be made read-only as well. */
    readonly forceReadonlyRecursive?: boolean;
    /** A volume that nobody named here: it goes with `docker rm -v`. */
    readonly anonymous?: boolean;
  };
}

export interface RestartPolicy {
  readonly Name: "" | "no" | "always" | "unless-stopped" | "on-failure";
  readonly MaximumRetryCount: number;
}

/** The part that depends on the host. Docker's HostConfig, as far as this engine carries it out. */
export interface HostConfig {
  readonly NetworkMode: string;
  readonly AutoRemove: boolean;
  readonly Privileged: boolean;
  readonly ReadonlyRootfs: boolean;
  readonly Init?: boolean;
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  readonly SecurityOpt: readonly string[];
  readonly GroupAdd: readonly string[];
  readonly Binds: readonly string[];
  readonly Tmpfs: Readonly<Record<string, string>>;
  readonly Dns: readonly string[];
  readonly DnsSearch: readonly string[];
  readonly DnsOptions: readonly string[];
  readonly ExtraHosts: readonly string[];
  readonly Sysctls: Readonly<Record<string, string>>;
  readonly PidMode: string;
  readonly IpcMode: string;
  readonly UTSMode: string;
  readonly CgroupParent: string;
  readonly ShmSize: number;
  readonly OomScoreAdj: number;
  readonly Memory: number;
  readonly MemoryReservation: number;
  readonly MemorySwap: number;
  readonly NanoCpus: number;
  readonly CpuShares: number;
  readonly CpuPeriod: number;
  readonly CpuQuota: number;
  readonly CpusetCpus: string;
  readonly CpusetMems: string;
  readonly PidsLimit: number | null;
  readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly RestartPolicy: RestartPolicy;
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  readonly ConsoleSize: readonly [number, number];
  readonly MaskedPaths: readonly string[] | null;
  readonly ReadonlyPaths: readonly string[] | null;
  readonly Runtime: string;
  /** By `80/tcp`; an empty HostPort asks for any. */
  readonly PortBindings: PortMap;
  readonly PublishAllPorts: boolean;
  /** On the default bridge: `container:alias`. */
  readonly Links: readonly string[];
  readonly Mounts: readonly MountRequest[];
  readonly VolumesFrom: readonly string[];
  readonly VolumeDriver: string;
  readonly CgroupnsMode: "" | "private" | "host";
  readonly Cgroup: string;
  readonly UsernsMode: string;
  readonly Isolation: string;
  readonly ContainerIDFile: string;
  readonly Annotations: Readonly<Record<string, string>>;
  readonly StorageOpt: Readonly<Record<string, string>>;
  readonly Devices: readonly DeviceMapping[];
  readonly DeviceCgroupRules: readonly string[];
  readonly DeviceRequests: readonly DeviceRequest[];
  readonly BlkioWeight: number;
  readonly BlkioWeightDevice: readonly DeviceWeight[];
  readonly BlkioDeviceReadBps: readonly DeviceRate[];
  readonly BlkioDeviceWriteBps: readonly DeviceRate[];
  readonly BlkioDeviceReadIOps: readonly DeviceRate[];
  readonly BlkioDeviceWriteIOps: readonly DeviceRate[];
  readonly MemorySwappiness: number | null;
  readonly OomKillDisable: boolean | null;
  readonly KernelMemory: number;
  readonly KernelMemoryTCP: number;
  readonly CpuRealtimePeriod: number;
  readonly CpuRealtimeRuntime: number;
  /** Of Windows: shown as they were asked for, and refused or discarded with a warning as by dockerd on Linux. */
  readonly CpuCount: number;
  readonly CpuPercent: number;
  readonly IOMaximumIOps: number;
  readonly IOMaximumBandwidth: number;
}

/** What `docker update` may change. Absent: as it is. */
export type UpdateRequest = Partial<
  Pick<
    HostConfig,
    | "Memory"
    | "MemoryReservation"
    | "MemorySwap"
    | "KernelMemory"
    | "NanoCpus"
    | "CpuShares"
    | "CpuPeriod"
    | "CpuQuota"
    | "CpuRealtimePeriod"
    | "CpuRealtimeRuntime"
    | "CpusetCpus"
    | "CpusetMems"
    | "PidsLimit"
    | "BlkioWeight"
    | "RestartPolicy"
  >
>;

/** Docker's PortMap. HostPort may be a range, of which one is taken: `8000-8010`. */
export type PortMap = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
>;

/** Docker's EndpointSettings, as far as a user sets them. */
export interface EndpointSettings {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string;
    readonly IPv6Address?: string;
    readonly LinkLocalIPs?: readonly string[] | null;
  } | null;
  readonly Aliases?: readonly string[] | null;
  /** `container:alias`. */
  readonly Links?: readonly string[] | null;
  readonly MacAddress?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly GwPriority?: number;
  /** Of the network that was joined last under this name. */
  readonly NetworkID?: string;
}

/** A create request as checked by the API: what the client left out is left out. */
export interface CreateRequest {
  readonly name?: string;
  readonly config: Partial<ContainerConfig> & { readonly Image: string };
  readonly hostConfig: Partial<HostConfig>;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** `linux/amd64`; refused where the image is for another. */
  readonly platform?: string;
  /** The client is from before mounts below a read-only one could be read-only as well (API 1.44). */
  readonly readonlyNonRecursive?: boolean;
}
