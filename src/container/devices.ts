/** Which devices a container may use, and which nodes it finds (OCI runtime spec, "Devices"). */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: "c" | "b";
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export interface DeviceNode {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
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

/** Below /dev, what each container has of its own. */
const OWN = ["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"];

/** The device nodes of the host, for a privileged container. */
export function hostDevices(directory = "/dev"): readonly DeviceNode[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (directory === "/dev" && OWN.includes(entry.name)) return [];
    if (entry.isDirectory()) return hostDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    // A device that was unplugged since it was listed is no device.
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return [];
    return [
      {
        path,
        type: entry.isBlockDevice() ? ("b" as const) : ("c" as const),
        ...deviceNumber(stats.rdev),
        fileMode: stats.mode & 0o7777,
        uid: stats.uid,
        gid: stats.gid,
      },
    ];
  });
}

/** makedev(3): the number as stat(2) gives it, taken apart. */
function deviceNumber(rdev: number): { readonly major: number; readonly minor: number } {
  const bits = BigInt(rdev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}
