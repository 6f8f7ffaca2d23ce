/**
 * The tables of xtables in the calling thread's namespace, by ip(7)'s raw sockets: getsockopt(2) with SOL_IP and SOL_IPV6,
 * linux/netfilter_ipv4/ip_tables.h. Only those are asked for that `/proc/net/ip_tables_names` lists: the question itself would
 * make any other.
 * ```
 * struct ipt_getinfo {
 *   char name[32];
 *   unsigned int valid_hooks;
 *   unsigned int hook_entry[5], underflow[5];
 *   unsigned int num_entries;
 *   unsigned int size;
 * };
 * struct ipt_get_entries { char name[32]; unsigned int size; struct ipt_entry entrytable[]; };   // entries at 40
 * ```
 */
import { closeSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { FAMILIES, type Family } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { check, declare, KernelError, lastErrno } from "../ffi.ts";
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_RAW } from "../socket-constants.ts";
import { type Info, readTable } from "./table.ts";
import type { XtTable } from "./types.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  getsockopt: declare("int getsockopt(int fd, int level, int name, void *value, void *size)"),
};

const IPPROTO_RAW = 255;
const SOCKETS = {
  4: { domain: AF_INET, level: 0, names: "/proc/thread-self/net/ip_tables_names" },
  6: { domain: AF_INET6, level: 41, names: "/proc/thread-self/net/ip6_tables_names" },
} as const;
/** IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES; IP6T_* have the same numbers. */
const GET_INFO = 64;
const GET_ENTRIES = 65;
const NAME_SIZE = 32;
const INFO_SIZE = 84;
const ENTRIES_HEADER = 40;
/** A table is asked for its size and then for its entries: it may be replaced in between, but not for ever. */
const TRIES = 16;
const { EAGAIN, ENOENT } = constants.errno;

/**
 * Synchronous: it belongs to the namespace that the thread is in. Two small reads where there are no tables.
 * @throws KernelError EPERM without CAP_NET_ADMIN; EAGAIN where a table is replaced again and again
 */
export function readXtables(): readonly XtTable[] {
  return FAMILIES.flatMap((family) => {
    const names = tableNames(family);
    return names.length > 0 ? readFamily(family, names) : [];
  });
}

function tableNames(family: Family): string[] {
  const { names } = SOCKETS[family];
  try {
    // The kernel tells the newest first: in the order of their making, whoever reads them twice sees the same.
    return readFileSync(names, "utf8").split("\n").filter(Boolean).reverse();
  } catch (thrown) {
    const error = KernelError.from(`read ${names}`, thrown);
    // A kernel without them, or one that has not loaded them: then there are none.
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function readFamily(family: Family, names: readonly string[]): XtTable[] {
  const what = `read ip${family === 6 ? "6" : ""}tables`;
  const { domain } = SOCKETS[family];
  const fd = check(`${what}: open a raw socket`, sys.socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  try {
    return names.flatMap((name) => askTable(fd, family, name) ?? []);
  } finally {
    closeSync(fd);
  }
}

/** @returns undefined where it is gone meanwhile */
function askTable(fd: number, family: Family, name: string): XtTable | undefined {
  const what = `read ip${family === 6 ? "6" : ""}tables' table ${name}`;
  const { level } = SOCKETS[family];
  const ask = (option: number, value: Uint8Array): number => {
    const failed = sys.getsockopt(fd, level, option, value, Uint32Array.of(value.length)) < 0;
    return failed ? lastErrno() : 0;
  };
  for (let tries = 0; tries < TRIES; tries += 1) {
    const info = new Uint8Array(INFO_SIZE);
    info.set(new TextEncoder().encode(name).subarray(0, NAME_SIZE - 1));
    const refused = ask(GET_INFO, info);
    if (refused === ENOENT) return undefined;
    if (refused) throw new KernelError(what, refused);
    const told = readInfo(info);
    const entries = new Uint8Array(ENTRIES_HEADER + told.size);
    entries.set(info.subarray(0, NAME_SIZE));
    viewOf(entries).setUint32(NAME_SIZE, told.size, LITTLE_ENDIAN);
    const lost = ask(GET_ENTRIES, entries);
    // EAGAIN: it has another size by now.
    if (lost === EAGAIN) continue;
    if (lost) throw new KernelError(what, lost);
    const table = readTable(family, name, told, entries.subarray(ENTRIES_HEADER));
    if (table) return table;
    // Another rule set of the very same size, replaced between the two questions: its chains lie elsewhere.
  }
  throw new KernelError(what, EAGAIN, "what the kernel tells of it does not fit together");
}

/** The bytes of a struct ipt_getinfo. @throws RangeError where they are too few */
function readInfo(bytes: Uint8Array): Info {
  const view = viewOf(bytes);
  const word = (index: number) => view.getUint32(NAME_SIZE + 4 * index, LITTLE_ENDIAN);
  const valid = word(0);
  const hooks = [0, 1, 2, 3, 4].flatMap((hook) =>
    valid & (1 << hook) ? [{ hook, entry: word(1 + hook), underflow: word(6 + hook) }] : [],
  );
  return { hooks, size: word(12) };
}
