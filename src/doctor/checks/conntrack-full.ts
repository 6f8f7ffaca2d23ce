/** The table of tracked connections, which drops the first packet of what does not fit in. */
import { sysctlNumber } from "../../observe/lookup.ts";
import { called } from "../facts/namespace.ts";
import type { Check } from "../types.ts";

const NAME = "conntrack-full";
const KEY = "net.netfilter.nf_conntrack_max";
const SHARE = 0.85;

export const conntrackFull: Check = {
  name: NAME,
  title: "the tables of tracked connections have room",
  reports: [
    {
      title: "nf_conntrack: table full, dropping packet",
      url: "https://github.com/kubernetes/kubernetes/issues/71261",
    },
    {
      title: "nf_conntrack: table full, dropping packet",
      url: "https://github.com/adobe-platform/porter/issues/124",
    },
  ],
  looksAt: "both",
  look: ({ host, containers }) => {
    // The bound is the host's for all; the count is each namespace's.
    const most = sysctlNumber(host, KEY);
    if (most === undefined || most === 0) return [];
    return [...new Set([host, ...containers.map(({ namespace }) => namespace)])].flatMap((namespace) => {
      const count = namespace.connectionCount ?? 0;
      if (count < most * SHARE) return [];
      const full = count >= most;
      return [
        {
          check: NAME,
          severity: full ? "broken" : "risk",
          title: full
            ? `${called(namespace)} drops new connections: its table of tracked ones is full`
            : `${called(namespace)} will soon drop new connections: ${count} of ${most} are tracked`,
          evidence: [`${KEY} = ${most}`, `net.netfilter.nf_conntrack_count = ${count}`],
          cause:
            "Whatever passes a firewall that asks for states, or is translated, is an entry; a TCP connection that nobody closed stays for five days. With the table full, the first packet of a new one is dropped (nf_conntrack: table full, dropping packet).",
          fixes: [
            {
              command: `sysctl -w ${KEY}=${most * 4}`,
              does: "makes room for four times as many, some 300 bytes each; a file in /etc/sysctl.d keeps it",
              safe: true,
            },
          ],
          about: {
            namespace: namespace.id,
            ...(namespace.container && { container: namespace.container.name }),
          },
        },
      ];
    });
  },
};
