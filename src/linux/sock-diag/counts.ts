/**
 * How many sockets a namespace has, `/proc/net/sockstat` and `sockstat6` (net/ipv4/proc.c, net/ipv6/proc.c):
 * ```
 * TCP: inuse 3 orphan 0 tw 0 alloc 5 mem 1
 * UDP: inuse 2 mem 0
 * ```
 * To list sockets the kernel goes through those of all namespaces; of most containers nothing comes of it.
 */
import { readFileSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import type { Family } from "../../lib/ip.ts";

const FILES = { 4: "sockstat", 6: "sockstat6" } as const;

/** Whether there may be any: bound ones of UDP, and of TCP those that listen or are connected. */
export type AnySockets = (protocol: "tcp" | "udp", family: Family) => boolean;

/** Of the namespace that the thread is in. Where that isn't told, there may be some. */
export function countSockets(): AnySockets {
  const told = { 4: readCounts(4), 6: readCounts(6) };
  return (protocol, family) => inUse(told[family], `${protocol.toUpperCase()}${family === 6 ? 6 : ""}`) !== 0;
}

/** Empty where the kernel has not the family. */
function readCounts(family: Family): string | undefined {
  try {
    return readFileSync(`/proc/thread-self/net/${FILES[family]}`, "utf8");
  } catch (thrown) {
    return codeOf(thrown) === "ENOENT" ? "" : undefined;
  }
}

/** @returns undefined where it isn't told; 0 where there is no such line of a file that is there */
function inUse(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const prefix = `${name}: inuse `;
  const line = text.split("\n").find((one) => one.startsWith(prefix));
  return line === undefined ? 0 : Number.parseInt(line.slice(prefix.length), 10);
}
