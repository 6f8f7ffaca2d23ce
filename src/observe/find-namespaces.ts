/**
 * Where network namespaces are: processes' (proc_pid_ns(5)), and files of nsfs that pin them, which proc_pid_mountinfo(5)
 * lists with the inode that the namespace is known by. One that only descriptors or sockets keep is not found.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf, messageOf } from "../lib/errors.ts";
import { OWN } from "../linux/netns.ts";
import type { NetnsPath } from "../linux/plan.ts";
import type { NamespaceId } from "./types.ts";

/** At most so many processes of a namespace are named. */
const MOST_PIDS = 16;

/** Told where there are such. */
export const HIDDEN = "processes may not be looked at";

export interface FoundNamespace {
  readonly id: NamespaceId;
  /** The lowest first; at most `MOST_PIDS`. */
  readonly pids: readonly number[];
  readonly pins: readonly string[];
  /** To enter it by. */
  readonly path: NetnsPath;
}

export interface FoundNamespaces {
  readonly namespaces: ReadonlyMap<NamespaceId, FoundNamespace>;
  /** The reader's own. */
  readonly host: NamespaceId;
  /** A sentence each. */
  readonly unread: readonly string[];
}

interface Traces {
  readonly pids: number[];
  readonly pins: string[];
}

/**
 * Look for all of them.
 * @param directories with pinned namespaces, beyond the mounts of this mount namespace
 * @throws Error where not even the own one is shown
 */
export function findNamespaces(directories: readonly string[] = []): FoundNamespaces {
  const own = namespaceOf(readlinkSync(OWN));
  if (own === undefined) throw new Error(`${OWN} names no network namespace`);
  const traces = new Map<NamespaceId, Traces>([[own, { pids: [], pins: [] }]]);
  const tracesOf = (id: NamespaceId): Traces => {
    const known = traces.get(id);
    if (known) return known;
    const made = { pids: [], pins: [] };
    traces.set(id, made);
    return made;
  };
  const unread: string[] = [];
  unread.push(...lookThroughProcesses((id, pid) => tracesOf(id).pids.push(pid)));
  for (const { id, path } of pinned(readFileSync("/proc/self/mountinfo", "utf8"))) {
    tracesOf(id).pins.push(path);
  }
  for (const directory of directories) {
    unread.push(
      ...lookThrough(directory, (id, path) => {
        const { pins } = tracesOf(id);
        if (!pins.includes(path)) pins.push(path);
      }),
    );
  }
  return {
    namespaces: new Map([...traces].map(([id, one]) => [id, found(id, one, own)])),
    host: own,
    unread,
  };
}

function found(id: NamespaceId, { pids, pins }: Traces, own: NamespaceId): FoundNamespace {
  pids.sort((a, b) => a - b);
  const [first] = pids;
  // A pin outlives processes.
  const there = pins[0] ?? (first === undefined ? OWN : `/proc/${first}/ns/net`);
  const path = id === own ? OWN : there;
  return { id, pids: pids.slice(0, MOST_PIDS), pins, path: path as NetnsPath };
}

/** `net:[4026531840]`: the type and the inode. */
export function namespaceOf(link: string): NamespaceId | undefined {
  if (!link.startsWith("net:[")) return undefined;
  return Number(link.slice(5, -1)) as NamespaceId;
}

/** By process, where /proc shows it. */
export function namespaceOfProcess(pid: number): NamespaceId | undefined {
  try {
    return namespaceOf(readlinkSync(`/proc/${pid}/ns/net`));
  } catch {
    return undefined; // gone, or not ours to see: it has none that we could name
  }
}

function lookThroughProcesses(hear: (id: NamespaceId, pid: number) => void): string[] {
  let hidden = 0;
  for (const name of readdirSync("/proc")) {
    const first = name.charCodeAt(0);
    if (first < 0x31 || first > 0x39) continue;
    try {
      const id = namespaceOf(readlinkSync(`/proc/${name}/ns/net`));
      if (id !== undefined) hear(id, Number(name));
    } catch (thrown) {
      // ENOENT, ESRCH: it ended meanwhile.
      if (codeOf(thrown) === "EACCES" || codeOf(thrown) === "EPERM") hidden += 1;
    }
  }
  return hidden === 0 ? [] : [`the network namespaces of ${hidden} ${HIDDEN}: some may be missing here`];
}

/** The lines of a mountinfo that are of pinned network namespaces: `… net:[4026532288] /run/netns/blue rw … - nsfs nsfs rw`. */
export function pinned(mountinfo: string): { readonly id: NamespaceId; readonly path: string }[] {
  const found: { readonly id: NamespaceId; readonly path: string }[] = [];
  for (const line of mountinfo.split("\n")) {
    if (!line.includes(" net:[")) continue;
    const [, , , root = "", point = ""] = line.split(" ", 5);
    const id = namespaceOf(root);
    if (id !== undefined) found.push({ id, path: unescaped(point) });
  }
  return found;
}

/** Blanks, tabs, newlines and backslashes are written as octal numbers. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Files of nsfs, by the device that a namespace of ours is on. */
function lookThrough(directory: string, hear: (id: NamespaceId, path: string) => void): string[] {
  try {
    const { dev } = statSync(OWN);
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const file = statSync(path, { throwIfNoEntry: false });
      if (file?.dev === dev) hear(file.ino as NamespaceId, path);
    }
    return [];
  } catch (thrown) {
    return [`namespaces pinned in ${directory} can't be listed: ${messageOf(thrown)}`];
  }
}
