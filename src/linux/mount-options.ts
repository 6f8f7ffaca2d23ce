/** Options as users write them for mount(8), told apart into what mount(2) takes as flags and what the file system reads. */
import { bindMount, type Mount, type MountFlag, mount, unmount } from "./mount.ts";

/** Words of mount(8) that are flags of mount(2), and those that take a flag back. */
const SET: ReadonlyMap<string, readonly MountFlag[]> = new Map<string, readonly MountFlag[]>([
  ["defaults", []],
  ["ro", ["ro"]],
  ["nosuid", ["nosuid"]],
  ["nodev", ["nodev"]],
  ["noexec", ["noexec"]],
  ["sync", ["sync"]],
  ["remount", ["remount"]],
  ["mand", ["mand"]],
  ["dirsync", ["dirsync"]],
  ["noatime", ["noatime"]],
  ["nodiratime", ["nodiratime"]],
  ["bind", ["bind"]],
  ["rbind", ["bind", "rec"]],
  ["relatime", ["relatime"]],
  ["strictatime", ["strictatime"]],
]);
const CLEARED: ReadonlyMap<string, MountFlag> = new Map<string, MountFlag>([
  ["rw", "ro"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["exec", "noexec"],
  ["async", "sync"],
  ["nomand", "mand"],
  ["atime", "noatime"],
  ["diratime", "nodiratime"],
  ["norelatime", "relatime"],
  ["nostrictatime", "strictatime"],
]);
/** Changes of propagation are a call of their own (mount(2), "Changing the propagation type"). */
const PROPAGATION: ReadonlyMap<string, readonly MountFlag[]> = new Map<string, readonly MountFlag[]>([
  ["private", ["private"]],
  ["rprivate", ["private", "rec"]],
  ["shared", ["shared"]],
  ["rshared", ["shared", "rec"]],
  ["slave", ["slave"]],
  ["rslave", ["slave", "rec"]],
  ["unbindable", ["unbindable"]],
  ["runbindable", ["unbindable", "rec"]],
]);

export interface MountOptions {
  readonly flags: readonly MountFlag[];
  readonly propagation: readonly (readonly MountFlag[])[];
  /** The file system's own, comma-separated. */
  readonly data: string;
}

/** `ro,size=64m,uid=1000` → flags, and data in their order. */
export function parseMountOptions(text: string): MountOptions {
  const flags = new Set<MountFlag>();
  const propagation: (readonly MountFlag[])[] = [];
  const data: string[] = [];
  for (const word of text.split(",").filter(Boolean)) {
    const set = SET.get(word);
    const cleared = CLEARED.get(word);
    const change = PROPAGATION.get(word);
    if (set) for (const flag of set) flags.add(flag);
    else if (cleared) flags.delete(cleared);
    else if (change) propagation.push(change);
    else data.push(word);
  }
  return { flags: [...flags], propagation, data: data.join(",") };
}

/**
 * Mount as mount(8) would be told with `-t type -o options`: a bind with its flags, and changes of propagation after
 * it. If a later call fails, the mount is taken back.
 * @throws KernelError
 */
export function mountWith(given: Pick<Mount, "source" | "target" | "type">, options: MountOptions): void {
  const { source, target } = given;
  if (options.flags.includes("bind")) {
    const recursive = options.flags.includes("rec");
    const flags = options.flags.filter((flag) => flag !== "bind" && flag !== "rec");
    bindMount(source, target, { recursive, flags });
  } else {
    mount({ ...given, flags: options.flags, ...(options.data !== "" && { data: options.data }) });
  }
  try {
    for (const flags of options.propagation) mount({ source: "none", target, type: "", flags });
  } catch (thrown) {
    unmount(target, { lazy: true });
    throw thrown;
  }
}
