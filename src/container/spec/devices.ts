/** Which devices a container may use, and which nodes it finds (OCI runtime spec, "Devices"). */
import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf, internal } from "../../lib/errors.ts";
import type { DeviceMapping, HostConfig } from "../types.ts";
import type { DeviceNumber } from "./resources.ts";

export interface DeviceRule {
  readonly allow: boolean;
  /** `a`, or none, is all. */
  readonly type?: "a" | "c" | "b";
  /** -1, or none, is any. */
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export interface DeviceNode extends DeviceNumber {
  readonly path: string;
  readonly type: "c" | "b";
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Of one container: nodes beside those that each container has, and rules that hold in their order. */
export interface Devices {
  readonly nodes: readonly DeviceNode[];
  readonly rules: readonly DeviceRule[];
}

const character = (allow: boolean, major: number, minor: number): DeviceRule => ({
  allow,
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** Docker's: everything closed but zero, null, urandom, random, tty and console; fuse is closed by name. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  character(true, 1, 5),
  character(true, 1, 3),
  character(true, 1, 9),
  character(true, 1, 8),
  character(true, 5, 0),
  character(true, 5, 1),
  character(false, 10, 229),
];

export const ALL_DEVICES: readonly DeviceRule[] = [{ allow: true, access: "rwm" }];

/** `c 10:200 rwm`, `b *:* r`; undefined for what is none (Documentation/admin-guide/cgroup-v1/devices.rst). */
export function parseDeviceRule(text: string): DeviceRule | undefined {
  const [, type, major, minor, access] = /^([acb]) (\d{1,9}|\*):(\d{1,9}|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined || access === undefined) return undefined;
  const number = (digits: string) => (digits === "*" ? -1 : Number(digits));
  return { allow: true, type: type as "a" | "b" | "c", major: number(major), minor: number(minor), access };
}

/** What this container has: looked at as it starts. @throws internal in Docker's words where a device is not there */
export function devicesOf(hostConfig: HostConfig): Devices {
  for (const request of hostConfig.DeviceRequests) throw internal(noDriver(request));
  if (hostConfig.Privileged) {
    const further = hostConfig.Devices.filter((device) => placeOf(device) !== device.PathOnHost);
    return { nodes: [...hostDevices(), ...further.flatMap(mapped)], rules: ALL_DEVICES };
  }
  const given = hostConfig.Devices.map((device) => ({ device, nodes: mapped(device) }));
  const allowed = given.flatMap(({ device, nodes }) =>
    nodes.map(
      ({ type, major, minor }): DeviceRule => ({
        allow: true,
        type,
        major,
        minor,
        access: device.CgroupPermissions || "rwm",
      }),
    ),
  );
  return {
    nodes: given.flatMap(({ nodes }) => nodes),
    rules: [
      ...DEFAULT_DEVICE_RULES,
      ...allowed,
      ...hostConfig.DeviceCgroupRules.flatMap((text) => parseDeviceRule(text) ?? []),
    ],
  };
}

/** There are no drivers of devices here: in the words that Docker has for a driver that is not there. */
function noDriver({ Driver = "", Capabilities }: HostConfig["DeviceRequests"][number]): string {
  const capabilities = (Capabilities ?? []).map((all) => `[${all.join(" ")}]`).join(" ");
  return `could not select device driver ${JSON.stringify(Driver)} with capabilities: [${capabilities}]`;
}

const placeOf = ({ PathOnHost, PathInContainer }: DeviceMapping): string => PathInContainer || PathOnHost;

/** One device, or all below a directory. */
function mapped(device: DeviceMapping): readonly DeviceNode[] {
  const { PathOnHost } = device;
  const failed = (why: string) =>
    internal(
      `error gathering device information while adding custom device ${JSON.stringify(PathOnHost)}: ${why}`,
    );
  const real = withoutLinks(PathOnHost);
  if (real === undefined) throw failed("no such file or directory");
  const stats = statSync(real);
  const own = nodeOf(placeOf(device), stats);
  if (own) return [own];
  const below = stats.isDirectory()
    ? devicesBelow(real).map((node) => ({ ...node, path: placeOf(device) + node.path.slice(real.length) }))
    : [];
  if (below.length === 0) throw failed("not a device node");
  return below;
}

function withoutLinks(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** The number of a device that a limit names. @throws internal in Docker's words */
export function deviceNumberAt(path: string): DeviceNumber {
  const real = withoutLinks(path);
  if (real === undefined) throw internal(`stat ${path}: no such file or directory`);
  return deviceNumber(statSync(real).rdev);
}

/** Below /dev, what each container has of its own. */
const OWN = ["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"];

/** The device nodes of the host, for a privileged container. */
const hostDevices = (): readonly DeviceNode[] => devicesBelow("/dev", OWN);

function devicesBelow(directory: string, except: readonly string[] = []): readonly DeviceNode[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (except.includes(entry.name)) return [];
    if (entry.isDirectory()) return devicesBelow(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    // A device that was unplugged since it was listed is no device.
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats ? (nodeOf(path, stats) ?? []) : [];
  });
}

function nodeOf(path: string, stats: Stats): DeviceNode | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined;
  return {
    path,
    type: stats.isBlockDevice() ? "b" : "c",
    ...deviceNumber(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

/** makedev(3): the number as stat(2) gives it, taken apart. */
function deviceNumber(rdev: number): DeviceNumber {
  const bits = BigInt(rdev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}
