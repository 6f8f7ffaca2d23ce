/** What a healthy host answers, and ways to change it: for tests of checks. */
import assert from "node:assert/strict";
import { ALL_CHECKS } from "../../src/doctor/checks/all.ts";
import type { Finding, Tools } from "../../src/doctor/types.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import type { Namespace } from "../../src/observe/types.ts";
import { type Changes, lab, look } from "../support/doctor-lab.ts";

export const HEALTHY: Partial<Tools> = {
  askName: async (_, __, name) => ({
    answered: true,
    code: 0,
    addresses: name === "localhost" ? [] : [parseAddress("172.17.0.2")],
    took: 1,
  }),
  whoHas: async (_, ip) =>
    ip.bits & 0xffn && ip.bits >> 16n === 0xac11n ? [`02:42:ac:11:00:0${ip.bits & 0xfn}`] : [],
  pathMtu: async () => 1500,
  readText: (path) => {
    if (path.endsWith("/etc/resolv.conf"))
      return "nameserver 127.0.0.11\nsearch example.com\noptions ndots:0\n";
    if (path.endsWith("/net/sockstat")) return "TCP: inuse 5 orphan 0 tw 3 alloc 9 mem 1\n";
    if (path.endsWith("/net/snmp")) return "Tcp: InSegs InCsumErrors\nTcp: 100000 2\n";
    if (path === "/proc/filesystems") return "nodev\tproc\nnodev\toverlay\n";
    return undefined;
  },
};

export async function find(
  check: string,
  changes: Changes = {},
  tools: Partial<Tools> = {},
): Promise<readonly Finding[]> {
  const one = ALL_CHECKS.find(({ name }) => name === check);
  assert.ok(one, `no check ${check}`);
  return look(one, lab(changes), { ...HEALTHY, ...tools });
}

export const both =
  (...changes: readonly ((of: Namespace) => Namespace)[]) =>
  (of: Namespace): Namespace =>
    changes.reduce((now, change) => change(now), of);

export const more =
  (change: Partial<Namespace>) =>
  (of: Namespace): Namespace => ({
    ...of,
    links: [...of.links, ...(change.links ?? [])],
    addresses: [...of.addresses, ...(change.addresses ?? [])],
    routes: [...of.routes, ...(change.routes ?? [])],
    neighbours: [...of.neighbours, ...(change.neighbours ?? [])],
  });

export const only =
  (change: Partial<Namespace>) =>
  (of: Namespace): Namespace => ({ ...of, ...change });
