/** The neighbour tables of all namespaces are one, with one bound. */
import type { Family } from "../../lib/ip.ts";
import { sysctlNumber } from "../../observe/lookup.ts";
import type { Topology } from "../../observe/types.ts";
import type { Check } from "../types.ts";

const NAME = "neighbour-table";
/** NUD_NOARP and NUD_PERMANENT entries are not counted, linux/neighbour.h. */
const UNCOUNTED = 0x40 | 0x80;
const SHARE = 0.8;

export const neighbourTable: Check = {
  name: NAME,
  title: "the neighbour tables have room",
  reports: [
    { title: "arp_cache: neighbor table overflow!", url: "https://github.com/kubernetes/kops/issues/4533" },
    {
      title: "Error neighbour: ndisc_cache: neighbor table overflow! (ARP Table is full)",
      url: "https://github.com/canonical/lxd/issues/4799",
    },
  ],
  looksAt: "host",
  look: ({ topology, host }) =>
    ([4, 6] as const).flatMap((family) => {
      const key = `net.ipv${family}.neigh.default.gc_thresh3`;
      const most = sysctlNumber(host, key);
      const count = entriesOf(topology, family);
      if (most === undefined || count < most * SHARE) return [];
      const full = count >= most;
      return [
        {
          check: NAME,
          severity: full ? "broken" : "risk",
          title: full
            ? `the IPv${family} neighbour table is full: packets to hosts that are not in it are dropped`
            : `the IPv${family} neighbour table is nearly full: ${count} of ${most}`,
          evidence: [`${key} = ${most}`, `${count} entries in ${topology.namespaces.size} namespaces`],
          cause:
            "The kernel has one table for all namespaces, whose bound is the host's gc_thresh3: 1,024 unless somebody raised it. Each container that speaks with its gateway is two entries. When it is full, connecting fails with ENOBUFS (neighbor table overflow).",
          fixes: [
            {
              command: [1, 2, 3]
                .map((i) => `net.ipv${family}.neigh.default.gc_thresh${i}=${2 ** (i - 3) * 16384}`)
                .reduce((all, one) => `${all} ${one}`, "sysctl -w"),
              does: "gives it room for 16,384; a file in /etc/sysctl.d keeps it",
              safe: true,
            },
          ],
          about: { namespace: host.id },
        },
      ];
    }),
};

const entriesOf = ({ namespaces }: Topology, family: Family): number =>
  [...namespaces.values()].reduce(
    (sum, { neighbours }) =>
      sum +
      neighbours.filter(
        ({ address, state, proxy }) => address.family === family && !proxy && !(state & UNCOUNTED),
      ).length,
    0,
  );
