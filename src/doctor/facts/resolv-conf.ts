/** resolv.conf(5) of containers, and the resolver that engines put there. */
import { parseResolvConf, type ResolvConf } from "../../lib/resolv-conf.ts";
import type { Patient, Resident } from "../types.ts";

/** A container's own file, by the root of a process of its; undefined where there is none to read. */
export function resolvConfOf({ tools }: Patient, { namespace, of }: Resident): ResolvConf | undefined {
  // Of a container on the host's network no process is known by the namespace.
  const pid = namespace.host ? of.pid : namespace.pids[0];
  if (!pid) return undefined;
  const text = tools.readText(`/proc/${pid}/root/etc/resolv.conf`);
  return text === undefined ? undefined : parseResolvConf(text);
}

/** Where Docker's and Drawbridge's resolvers are asked, in each container's namespace. */
export const EMBEDDED = "127.0.0.11";
