/** Counters of a namespace as /proc/PID/net tells them. */
import type { Namespace } from "../../observe/types.ts";
import type { Tools } from "../types.ts";

/** A file of /proc/net, as a process in the namespace sees it. */
export function procNet({ host, pids }: Namespace, file: string, tools: Tools): string {
  const pid = host ? "self" : pids[0];
  return pid === undefined ? "" : (tools.readText(`/proc/${pid}/net/${file}`) ?? "");
}

/** Of two lines a protocol, names and then numbers (`snmp`, `netstat`): a number by its name, 0 where there is none. */
export function countersOf(text: string, protocol: string): (name: string) => number {
  const [names = [], numbers = []] = text
    .split("\n")
    .filter((line) => line.startsWith(`${protocol}:`))
    .map((line) => line.split(" "));
  return (name) => Number(numbers[names.indexOf(name)] ?? 0) || 0;
}

/** Of a line of names and numbers in turn (`sockstat`). */
export function sockstatOf(text: string, protocol: string): (name: string) => number {
  const words = text.match(new RegExp(`^${protocol}: (.*)$`, "m"))?.[1]?.split(" ") ?? [];
  return (name) => Number(words[words.indexOf(name) + 1] ?? 0) || 0;
}
