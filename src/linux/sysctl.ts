/** Kernel settings under /proc/sys, sysctl(8). Those of `net.` belong to the namespace that the thread is in. */
import { readFileSync, writeFileSync } from "node:fs";
import { invalid } from "../lib/errors.ts";
import { KernelError } from "./ffi.ts";

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

/**
 * Its value, without the newline. Synchronous, as is `writeSysctl`: libuv's threads are in a namespace of
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

/** @throws KernelError, invalid */
export function writeSysctl(key: string, value: string): void {
  const path = sysctlPath(key);
  try {
    writeFileSync(path, value);
  } catch (thrown) {
    throw KernelError.from(`set ${key}=${value}`, thrown);
  }
}
