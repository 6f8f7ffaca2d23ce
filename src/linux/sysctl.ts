/** Kernel settings under /proc/sys, sysctl(8). Those of `net.` belong to the namespace that the thread is in. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { invalid } from "../lib/errors.ts";
import { KernelError } from "./ffi.ts";

/** The kernel writes a setting out within a page. */
const buffer = Buffer.alloc(4096);

/**
 * The file of a setting. Dots separate; a slash stands for a dot within a component, as in the name of a
 * link: `net.ipv4.conf.eth0/10.forwarding`.
 * @throws invalid for a key that leads elsewhere
 */
export function sysctlPath(key: string): string {
  const parts = key.split(".").map((part) => part.replaceAll("/", "."));
  if (key.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw invalid(`invalid sysctl: ${key}`);
  }
  return `/proc/sys/${parts.join("/")}`;
}

/** A link's name as a component of a setting's: `eth0.10` is `eth0/10`. */
export const sysctlComponent = (link: string): string => link.replaceAll(".", "/");

/**
 * Its value, without the newline. Synchronous, as is `exchangeSysctl`: libuv's threads are in a namespace of
 * their own choosing.
 * @throws KernelError, invalid
 */
export function readSysctl(key: string): string {
  const path = sysctlPath(key);
  try {
    return readFileSync(path, "utf8").trimEnd();
  } catch (thrown) {
    throw KernelError.from(`read ${key}`, thrown);
  }
}

/** Set it. @returns what it was before @throws KernelError, invalid */
export function exchangeSysctl(key: string, value: string): string {
  const path = sysctlPath(key);
  let fd: number | undefined;
  try {
    fd = openSync(path, "r+");
    const previous = buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0)).trimEnd();
    if (previous !== value) writeSync(fd, value, 0);
    return previous;
  } catch (thrown) {
    throw KernelError.from(`set ${key}=${value}`, thrown);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Whether this kernel has a setting of that name. Of an interface, that is asked of all interfaces' defaults: it may be
 * one that isn't there yet.
 */
export function sysctlExists(key: string): boolean {
  const parts = key.split(".");
  const ofInterface = parts.length > 4 && ["conf", "neigh"].includes(parts[2] ?? "");
  const asked = ofInterface ? [...parts.slice(0, 3), "default", ...parts.slice(-1)] : parts;
  return !parts.some((part) => part === "" || part === "..") && existsSync(`/proc/sys/${asked.join("/")}`);
}
