/** resolv.conf(5), as glibc and musl read it. */
import { type Address, tryParseAddress } from "../../lib/ip.ts";
import type { Patient, Resident } from "../types.ts";

export interface ResolvConf {
  readonly nameservers: readonly Address[];
  readonly search: readonly string[];
  /** 1 where nothing is said. */
  readonly ndots: number;
}

export function readResolvConf(text: string): ResolvConf {
  const nameservers: Address[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split("\n")) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    // A zone (`fe80::1%eth0`) is the link's, and no part of the address.
    const server = word === "nameserver" ? tryParseAddress(rest[0]?.split("%")[0] ?? "") : undefined;
    if (server) nameservers.push(server);
    else if (word === "search" || word === "domain") search = rest;
    else if (word === "options")
      for (const option of rest) ndots = Number(/^ndots:(\d+)$/.exec(option)?.[1] ?? ndots);
  }
  return { nameservers, search, ndots };
}

/** A container's own file, by the root of a process of its; undefined where there is none to read. */
export function resolvConfOf({ tools }: Patient, { namespace, of }: Resident): ResolvConf | undefined {
  // Of a container on the host's network no process is known by the namespace.
  const pid = namespace.host ? of.pid : namespace.pids[0];
  if (!pid) return undefined;
  const text = tools.readText(`/proc/${pid}/root/etc/resolv.conf`);
  return text === undefined ? undefined : readResolvConf(text);
}

/** Where Docker's and Drawbridge's resolvers are asked, in each container's namespace. */
export const EMBEDDED = "127.0.0.11";
