/** The topology, read from the kernel: whoever made it, and with no engine's help but for names. */
import { closeSync, existsSync, fstatSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { codeOf, messageOf } from "../lib/errors.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../linux/netlink/socket.ts";
import { OWN, openNamespace } from "../linux/netns.ts";
import { SysctlReader } from "../linux/sysctl-directory.ts";
import { readEngines } from "./engines/read.ts";
import { type FoundNamespace, findNamespaces } from "./find-namespaces.ts";
import { nameNamespaces } from "./names.ts";
import { findNumbers, type Read, withOtherEnds } from "./peers.ts";
import { isNamespace, nsidOf, readInside } from "./read-inside.ts";
import type { Namespace, NamespaceId, ReadOptions, Topology } from "./types.ts";

/** Milliseconds for which namespaces are read before others have their turn: engines may be answering. */
const TURN = 10;
/** Who may not enter one namespace mostly may enter none of a thousand. */
const MOST_TOLD = 2;
const TRACKED = "/proc/sys/net/netfilter/nf_conntrack_count";

/**
 * Everything that decides over packets on this machine, as it is now. Nothing is changed by it. What can't be read is told
 * in `unread`, of the topology or of a namespace.
 * @throws Error where not even the own namespace can be read
 */
export async function readTopology(options: ReadOptions = {}): Promise<Topology> {
  const asked = readEngines(options.engines);
  const [{ engines, unread }, kernel] = await Promise.all([asked, readKernel(options)]);
  return assemble(kernel, engines, unread);
}

/**
 * One namespace alone, by a path that it can be entered by. Other ends of its links are led to where they are its own or the
 * reader's; its name is of the file, or of a process in it.
 * @throws KernelError where it can't be entered
 */
export function readNamespace(path: string, options: ReadOptions = {}): Namespace {
  const host = namespaceAt(OWN);
  const id = namespaceAt(path);
  const reader = new NamespaceReader(host, options);
  try {
    const pid = /^\/proc\/(\d+)\//.exec(path)?.[1];
    const found = {
      id,
      pids: pid === undefined ? [] : [Number(pid)],
      pins: pid === undefined ? [path] : [],
      path: path as FoundNamespace["path"],
    };
    const read = reader.read(found);
    if (typeof read === "string") throw new Error(read);
    if (!read) throw new Error(`network namespace ${path} is gone`);
    const kernel = {
      readAt: Date.now(),
      all: new Map([[id, read]]),
      host,
      numbers: reader.numbers,
      unread: [],
    };
    const namespace = assemble(kernel, [], []).namespaces.get(id);
    if (!namespace) throw new Error(`network namespace ${path} was not read`);
    return namespace;
  } finally {
    reader.close();
  }
}

/** @throws KernelError */
function namespaceAt(path: string): NamespaceId {
  const fd = openNamespace(path);
  try {
    return fstatSync(fd).ino as NamespaceId;
  } finally {
    closeSync(fd);
  }
}

/** What the kernel told, before it has names. */
export interface KernelReading {
  readonly readAt: number;
  readonly all: ReadonlyMap<NamespaceId, Read>;
  readonly host: NamespaceId;
  readonly numbers: ReturnType<typeof findNumbers>;
  readonly unread: readonly string[];
}

/** @throws as `readTopology` */
export async function readKernel(options: ReadOptions = {}): Promise<KernelReading> {
  const { namespaces, host, unread: lost } = findNamespaces(options.pinned);
  const reader = new NamespaceReader(host, options);
  const unread = [...lost];
  const closed: string[] = [];
  const all = new Map<NamespaceId, Read>();
  try {
    let turn = performance.now();
    for (const found of namespaces.values()) {
      if (performance.now() - turn > TURN) {
        await nextTurn();
        turn = performance.now();
      }
      const read = reader.read(found);
      if (typeof read === "string") closed.push(read);
      else if (read) all.set(found.id, read);
    }
    unread.push(...closed.slice(0, MOST_TOLD));
    if (closed.length > MOST_TOLD) {
      unread.push(`${closed.length - MOST_TOLD} more network namespaces can't be read either`);
    }
    return { readAt: Date.now(), all, host, numbers: findNumbers(all, reader.numbers, host), unread };
  } finally {
    reader.close();
  }
}

/** Reads one namespace after another, and notes what they and the reader's own call each other. */
export class NamespaceReader {
  readonly numbers = new Map<NamespaceId, Map<number, NamespaceId>>();
  readonly #host: NamespaceId;
  readonly #hostFd = openNamespace(OWN);
  readonly #hostRoute = new NetlinkSocket(NETLINK_ROUTE);
  readonly #settings = new SysctlReader();
  readonly #connections: ReadOptions["connections"];
  readonly #tracks = existsSync(TRACKED);

  /** @throws KernelError where the own namespace can't be asked */
  constructor(host: NamespaceId, { connections }: ReadOptions) {
    this.#host = host;
    this.#connections = connections;
    this.numbers.set(host, new Map());
  }

  /**
   * @returns a sentence where it can't be read; nothing where it is gone
   * @throws KernelError where it is the own one
   */
  read(found: FoundNamespace): Read | string | undefined {
    const host = found.id === this.#host;
    let fd: number | undefined;
    try {
      fd = host ? openNamespace(OWN) : enter(found);
      if (fd === undefined) return undefined;
      const connections = this.#connections === "all" || (this.#connections === "host" && host);
      const reading = readInside(fd, found.path, {
        host,
        connections,
        tracks: this.#tracks,
        settings: this.#settings,
        hostFd: this.#hostFd,
      });
      if (!host) this.#note(found.id, fd, reading.hostNsid);
      return { found, reading };
    } catch (thrown) {
      if (host) throw thrown;
      return `network namespace ${found.path} can't be read: ${messageOf(thrown)}`;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  close(): void {
    this.#settings.close();
    this.#hostRoute.close();
    closeSync(this.#hostFd);
  }

  #note(id: NamespaceId, fd: number, hostNsid: number | undefined): void {
    const nsid = nsidOf(this.#hostRoute, fd);
    if (nsid !== undefined) this.numbers.get(this.#host)?.set(nsid, id);
    this.numbers.set(id, new Map(hostNsid === undefined ? [] : [[hostNsid, this.#host]]));
  }
}

/** The file, or the process, that it was found by is not there any more. */
const GONE = new Set(["ENOENT", "ESRCH", "ENOTDIR", "EINVAL"]);

/**
 * By whatever still leads to it: processes end, and files are let go of, while namespaces are read.
 * @returns a descriptor; nothing where nothing leads to it
 * @throws KernelError
 */
function enter({ id, path, pids, pins }: FoundNamespace): number | undefined {
  for (const way of new Set([path, ...pins, ...pids.map((pid) => `/proc/${pid}/ns/net`)])) {
    try {
      const fd = openNamespace(way);
      if (isNamespace(fd, id)) return fd;
      closeSync(fd);
    } catch (thrown) {
      if (!GONE.has(codeOf(thrown) ?? "")) throw thrown;
    }
  }
  return undefined;
}

/** Give names to what was read, and lead links to their other ends. */
export function assemble(
  { readAt, all, host, numbers, unread }: KernelReading,
  engines: Topology["engines"],
  enginesUnread: readonly string[],
): Topology {
  const names = nameNamespaces(new Map([...all].map(([id, { found }]) => [id, found])), host, engines);
  const namespaces = new Map<NamespaceId, Namespace>();
  for (const [id, { found, reading }] of all) {
    const { hostNsid: _, links, ...told } = reading;
    const { name, container } = names.get(id) ?? { name: found.path };
    namespaces.set(id, {
      ...found,
      name,
      host: id === host,
      ...(container && { container }),
      ...told,
      links: withOtherEnds(id, links, numbers),
    });
  }
  return { readAt, namespaces, host, engines, unread: [...unread, ...enginesUnread] };
}
