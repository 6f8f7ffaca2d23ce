/** The flags of `run` about what a container may use, and about whose namespaces it is in, by Docker's names. */
import { parseCsv } from "./csv.ts";
import { UsageError } from "./errors.ts";
import { pair, pairs } from "./pairs.ts";
import { parseBytes, parseInteger } from "./values.ts";
import { type Flag, flag } from "./verb.ts";

export interface ResourceOptions {
  readonly annotation: readonly string[];
  readonly blkioWeight?: number;
  readonly blkioWeightDevice: readonly string[];
  readonly cgroupns?: string;
  readonly cpuRtPeriod?: number;
  readonly cpuRtRuntime?: number;
  readonly device: readonly string[];
  readonly deviceCgroupRule: readonly string[];
  readonly deviceReadBps: readonly string[];
  readonly deviceReadIops: readonly string[];
  readonly deviceWriteBps: readonly string[];
  readonly deviceWriteIops: readonly string[];
  readonly gpus: readonly string[];
  readonly isolation?: string;
  readonly kernelMemory?: number;
  readonly memorySwappiness?: number;
  readonly oomKillDisable?: boolean;
  readonly storageOpt: readonly string[];
  readonly userns?: string;
}

export const resourceFlags = (): readonly Flag[] => [
  flag("--annotation", "map", "Add an annotation to the container (passed through to the OCI runtime)"),
  flag(
    "--blkio-weight",
    "int",
    "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
  ),
  flag("--blkio-weight-device", "list", "Block IO weight (relative device weight)"),
  flag("--cgroupns", "string", "Cgroup namespace to use (host|private)"),
  flag("--cpu-rt-period", "int", "Limit CPU real-time period in microseconds"),
  flag("--cpu-rt-runtime", "int", "Limit CPU real-time runtime in microseconds"),
  flag("--device", "list", "Add a host device to the container"),
  flag("--device-cgroup-rule", "list", "Add a rule to the cgroup allowed devices list"),
  flag("--device-read-bps", "list", "Limit read rate (bytes per second) from a device"),
  flag("--device-read-iops", "list", "Limit read rate (IO per second) from a device"),
  flag("--device-write-bps", "list", "Limit write rate (bytes per second) to a device"),
  flag("--device-write-iops", "list", "Limit write rate (IO per second) to a device"),
  flag("--gpus", "list", "GPU devices to add to the container ('all' to pass all GPUs)"),
  flag("--isolation", "string", "Container isolation technology"),
  flag("--kernel-memory", "bytes", "Kernel memory limit").hideHelp(),
  flag("--memory-swappiness", "int", "Tune container memory swappiness (0 to 100) (default -1)"),
  flag("--oom-kill-disable", "bool", "Disable OOM Killer").default(undefined),
  flag("--storage-opt", "list", "Storage driver options for the container"),
  flag("--userns", "string", "User namespace to use"),
];

const bad = (name: string, text: string, why: string) =>
  new UsageError(`invalid argument "${text}" for "--${name}" flag: ${why}`);

/** `/dev/x[:/dev/y][:rwm]`. */
function parseDevice(text: string) {
  const [source = "", second, third, ...more] = text.split(":");
  const isMode = (word: string) => /^[rwm]{1,3}$/.test(word);
  if (more.length > 0) throw bad("device", text, `bad format for path: ${text}`);
  const onlyMode = third === undefined && second !== undefined && isMode(second);
  const [place, mode] = onlyMode ? [source, second] : [second || source, third ?? "rwm"];
  if (!place.startsWith("/")) throw bad("device", text, `${place} is not an absolute path`);
  if (!isMode(mode)) throw bad("device", text, `bad mode specified: ${mode}`);
  return { PathOnHost: source, PathInContainer: place, CgroupPermissions: mode };
}

/** A device by the name that a vendor's description has for it (CDI): `vendor.com/class=name`. */
const isVendors = (text: string): boolean => /^[^/=]+\/[^/=]+=[^/=]+$/.test(text);

/** `/dev/sda:1mb`; of operations, a number alone. */
function parseRate(name: string, text: string, unit: "bytes" | "operations") {
  const at = text.lastIndexOf(":");
  const [path, rate] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  if (at < 0) throw bad(name, text, `bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw bad(name, text, `bad format for device path: ${text}`);
  try {
    const value = unit === "bytes" ? parseBytes(rate) : parseInteger(rate);
    if (value >= 0) return { Path: path, Rate: value };
  } catch {
    // As for a number below zero.
  }
  const units =
    unit === "bytes"
      ? "[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
      : ">. Number must be a positive integer";
  throw bad(
    name,
    text,
    `invalid rate for device: ${text}. The correct format is <device-path>:<number${units}`,
  );
}

function parseWeight(text: string) {
  const [path, weight] = pair(text, ":");
  if (!/^\d+$/.test(weight) || (Number(weight) !== 0 && (Number(weight) < 10 || Number(weight) > 1000))) {
    throw bad("blkio-weight-device", text, `invalid weight for device: ${text}`);
  }
  return { Path: path, Weight: Number(weight) };
}

/** `all`, `2`, `device=0,capabilities=compute`. */
function parseGpus(text: string) {
  const fields = new Map(
    parseCsv(text).map((field): readonly [string, string] =>
      field.includes("=") ? pair(field) : ["count", field],
    ),
  );
  const count = fields.get("count");
  const devices = fields.get("device")?.split(",");
  const capabilities = fields.get("capabilities")?.split(",") ?? [];
  if (count !== undefined && count !== "all" && !/^-?\d+$/.test(count)) {
    throw bad("gpus", text, `invalid count (${count}): value must be either "all" or an integer`);
  }
  return {
    Driver: fields.get("driver") ?? "",
    Count: count === undefined ? (devices ? 0 : 1) : count === "all" ? -1 : Number(count),
    ...(devices && { DeviceIDs: devices }),
    Capabilities: [[...new Set(["gpu", ...capabilities])]],
    Options: pairs((fields.get("options") ?? "").split(",").filter(Boolean)),
  };
}

/** Their part of HostConfig. @throws UsageError */
export function resourcesOf(options: ResourceOptions) {
  return {
    Annotations: pairs(options.annotation),
    BlkioWeight: options.blkioWeight,
    BlkioWeightDevice: options.blkioWeightDevice.map(parseWeight),
    BlkioDeviceReadBps: options.deviceReadBps.map((text) => parseRate("device-read-bps", text, "bytes")),
    BlkioDeviceWriteBps: options.deviceWriteBps.map((text) => parseRate("device-write-bps", text, "bytes")),
    BlkioDeviceReadIOps: options.deviceReadIops.map((text) =>
      parseRate("device-read-iops", text, "operations"),
    ),
    BlkioDeviceWriteIOps: options.deviceWriteIops.map((text) =>
      parseRate("device-write-iops", text, "operations"),
    ),
    CgroupnsMode: options.cgroupns,
    CpuRealtimePeriod: options.cpuRtPeriod,
    CpuRealtimeRuntime: options.cpuRtRuntime,
    Devices: options.device.filter((text) => !isVendors(text)).map(parseDevice),
    DeviceCgroupRules: options.deviceCgroupRule,
    DeviceRequests: [
      ...options.gpus.map(parseGpus),
      ...options.device.filter(isVendors).map((text) => ({ Driver: "cdi", DeviceIDs: [text] })),
    ],
    Isolation: options.isolation,
    KernelMemory: options.kernelMemory,
    MemorySwappiness: options.memorySwappiness,
    OomKillDisable: options.oomKillDisable,
    StorageOpt: pairs(options.storageOpt),
    UsernsMode: options.userns,
  };
}
