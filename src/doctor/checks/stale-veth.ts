/** A port of a network's bridge whose container is gone. */
import { shell } from "../../lib/shell.ts";
import { hidesProcesses } from "../../observe/lookup.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Patient } from "../types.ts";

const NAME = "stale-veth";

export const staleVeth: Check = {
  name: NAME,
  title: "each pair on a network's bridge leads to a namespace that somebody lives in",
  reports: [
    {
      title: "docker may left orphaned veth interface after container deletion",
      url: "https://github.com/docker/for-linux/issues/109",
    },
    {
      title:
        "Dangling (?) veth interfaces causing duplicate packets, duplicate ARP replies, and intermittent connectivity issues",
      url: "https://github.com/moby/moby/issues/31937",
    },
    { title: "leaking veths and sandboxes in 1.11.1", url: "https://github.com/moby/moby/issues/22397" },
  ],
  looksAt: "host",
  look: (patient) => {
    if (patient.container || hidesProcesses(patient.topology)) return [];
    return bridgeNetworks(patient).flatMap(({ network, bridge }) => {
      const stale = patient.host.links.filter(
        (link) => bridge && link.master === bridge.ifindex && isStale(patient, link),
      );
      if (stale.length === 0) return [];
      const names = stale.map(({ name }) => name);
      return [
        {
          check: NAME,
          severity: "risk",
          title: `${listed(names)} on ${bridge?.name} ${names.length === 1 ? "leads" : "lead"} to no container any more`,
          evidence: stale.slice(0, 8).map((link) => {
            const home = homeOf(patient, link);
            return `${link.name}@if${link.other?.ifindex}: namespace ${home?.name} has no process and is no engine's`;
          }),
          cause:
            "The engine was killed, or failed, between a container's end and its clean-up. The pair takes a port of the bridge, and what still has the container's old address there may answer for its successor.",
          fixes: [
            {
              command: names.map((name) => shell`ip link del ${name}`).join("; "),
              does: "removes the pairs, both ends",
              safe: false,
            },
          ],
          about: { namespace: patient.host.id, network: network.name },
        },
      ];
    });
  },
};

const homeOf = ({ topology }: Patient, { other }: ObservedLink) =>
  other?.namespace === undefined ? undefined : topology.namespaces.get(other.namespace);

/** One whose namespace can't be seen from here says nothing: it may be a stranger's that lives. */
function isStale(patient: Patient, link: ObservedLink): boolean {
  const home = link.kind === "veth" ? homeOf(patient, link) : undefined;
  return home !== undefined && !home.host && home.pids.length === 0 && home.container === undefined;
}
