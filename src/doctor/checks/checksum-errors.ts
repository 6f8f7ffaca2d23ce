/** Packets with a wrong checksum that arrive all the same: offload that one side does and the other does not undo. */
import { shell } from "../../lib/shell.ts";
import { countersOf, procNet } from "../facts/counters.ts";
import { called, inside } from "../facts/namespace.ts";
import type { Check } from "../types.ts";

const NAME = "checksum-errors";
/** So many, and so great a part of what came in. */
const MANY = 20;
const SHARE = 0.01;

export const checksumErrors: Check = {
  name: NAME,
  title: "what arrives has the checksum that it should",
  reports: [
    {
      title: "TCP offloading on vxlan.calico adaptor causing 63 second delays in VXLAN communications",
      url: "https://github.com/projectcalico/calico/issues/3145",
    },
    { title: "DHCP sending corrupt UDP checksum", url: "https://github.com/weaveworks/ignite/issues/870" },
  ],
  looksAt: "both",
  look: ({ host, containers, tools }) =>
    [...new Set([host, ...containers.map(({ namespace }) => namespace)])].flatMap((namespace) => {
      const counters = procNet(namespace, "snmp", tools);
      return (["Tcp", "Udp"] as const).flatMap((protocol) => {
        const { wrong, all } = countsOf(counters, protocol);
        if (wrong < MANY || wrong < all * SHARE) return [];
        const out = namespace.links.find(({ loopback }) => !loopback)?.name ?? "eth0";
        return [
          {
            check: NAME,
            severity: "risk",
            title: `${called(namespace)} throws ${protocol.toUpperCase()} packets away for their checksum: ${wrong} of ${all + wrong}`,
            evidence: [`${protocol}: InCsumErrors ${wrong} (/proc/net/snmp)`],
            cause:
              "Links between containers leave checksums out, and whoever sends to a real wire puts them in. Where a tunnel, a virtual network card or a user-space switch on the way forgets that, packets arrive with what stands there by chance. A capture on a container's link shows wrong checksums on a healthy host as well: those are only not there yet.",
            fixes: [
              {
                command: inside(namespace, shell`ethtool -K ${out} tx off`),
                does: "has checksums put in before packets leave; do it at the sender's end",
                safe: false,
              },
            ],
            about: {
              namespace: namespace.id,
              ...(namespace.container && { container: namespace.container.name }),
            },
          },
        ];
      });
    }),
};

function countsOf(
  counters: string,
  protocol: "Tcp" | "Udp",
): { readonly wrong: number; readonly all: number } {
  const at = countersOf(counters, protocol);
  return { wrong: at("InCsumErrors"), all: at(protocol === "Tcp" ? "InSegs" : "InDatagrams") };
}
