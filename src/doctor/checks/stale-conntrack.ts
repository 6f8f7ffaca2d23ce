/** Connections of UDP that go on to a container that is gone, as long as somebody sends. */
import { contains, formatAddress, sameAddress } from "../../lib/ip.ts";
import { findProgram } from "../../lib/programs.ts";
import type { ObservedConnection } from "../../observe/types.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { publishedPorts } from "../facts/ports.ts";
import type { Check, Patient } from "../types.ts";

const NAME = "stale-conntrack";
const UDP = 17;
/** IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h. */
const TRANSLATED = 32;

export const staleConntrack: Check = {
  name: NAME,
  title: "no tracked connection leads to a container's address that nobody has any more",
  reports: [
    {
      title: "Failed to receive UDP traffic after container restart",
      url: "https://github.com/moby/moby/issues/8795",
    },
    {
      title:
        "DeleteConntrackEntriesByPort filters on container port instead of host port, leaving stale UDP conntrack entries when hostPort != containerPort",
      url: "https://github.com/moby/moby/issues/53384",
    },
    {
      title: "portmap: delete UDP conntrack entries on teardown",
      url: "https://github.com/containernetworking/plugins/issues/123",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host } = patient;
    const stale = (host.connections ?? []).filter((one) => isStale(patient, one));
    const published = publishedPorts(patient).filter(({ port }) => port.protocol === "udp");
    return published.flatMap(({ resident, host: at }) => {
      const hurt = stale.filter(
        ({ original }) =>
          original.destinationPort === at.port &&
          (at.address === undefined || sameAddress(at.address, original.destination)),
      );
      if (hurt.length === 0) return [];
      return [
        {
          check: NAME,
          severity: "broken" as const,
          title: `${hurt.length === 1 ? "a client" : `${hurt.length} clients`} of port ${at.port}/udp of ${resident.of.name} ${hurt.length === 1 ? "is" : "are"} still led to a container that is gone`,
          evidence: hurt.slice(0, 5).map(shown),
          cause:
            "UDP has no end: the kernel keeps leading a client's datagrams where the first one went, as long as they keep coming. The container was replaced meanwhile, and the entries were not forgotten.",
          fixes: [
            {
              command: `conntrack -D -p udp --orig-port-dst ${at.port}`,
              does: "forgets the entries: the next datagram is led to the container that is there",
              safe: findProgram("conntrack") !== undefined,
            },
          ],
          about: { namespace: host.id, container: resident.of.name },
        },
      ];
    });
  },
};

/** Translated to an address of a network's subnet that none on it has. */
function isStale(patient: Patient, { protocol, status, reply }: ObservedConnection): boolean {
  if (protocol !== UDP || !(status & TRANSLATED)) return false;
  const ours = bridgeNetworks(patient).some(({ network }) =>
    network.subnets.some(({ subnet }) => contains(subnet, reply.source)),
  );
  return (
    ours &&
    ![...patient.topology.namespaces.values()].some(({ addresses }) =>
      addresses.some(({ address }) => sameAddress(address.address, reply.source)),
    )
  );
}

const shown = ({ original, reply }: ObservedConnection): string =>
  `udp src=${formatAddress(original.source)} dst=${formatAddress(original.destination)} dport=${original.destinationPort} -> ${formatAddress(reply.source)}:${reply.sourcePort}, which nobody has`;
