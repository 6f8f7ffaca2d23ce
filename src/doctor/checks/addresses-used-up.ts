/** A network's subnet with no address left for the next container. */
import { contains, formatPrefix, subnetOf, widthOf } from "../../lib/ip.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import type { Check } from "../types.ts";

const NAME = "addresses-used-up";
/** Worth telling from so many parts of all on, where fewer than so many are left. */
const SHARE = 0.9;
const FEW = 8;

export const addressesUsedUp: Check = {
  name: NAME,
  title: "each network has addresses left",
  reports: [
    {
      title:
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
      url: "https://github.com/docker/for-linux/issues/599",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    // Of one container it says nothing: it has its address.
    if (patient.container) return [];
    return bridgeNetworks(patient).flatMap(({ network, residents }) =>
      network.subnets.flatMap(({ subnet }) => {
        const { family } = subnet.address;
        if (family === 6) return [];
        // Neither the subnet's own address nor its broadcast are anybody's; one is the gateway's.
        const all = 2 ** (widthOf(family) - subnet.length) - 3;
        const used = residents
          .flatMap(({ of }) => of.endpoints.flatMap(({ addresses }) => addresses))
          .filter(({ address }) => contains(subnet, address)).length;
        const left = all - used;
        if (left > FEW || used < all * SHARE) return [];
        const shown = formatPrefix(subnetOf(subnet));
        return [
          {
            check: NAME,
            severity: "risk" as const,
            title:
              left > 0
                ? `network ${network.name} (${shown}) has room for ${left} more container${left === 1 ? "" : "s"}`
                : `network ${network.name} (${shown}) has no address left: the next container on it will not start`,
            evidence: [`${shown}: ${used} of ${all} addresses are containers'`],
            cause: "A network's subnet is chosen when it is made, and does not grow.",
            fixes: [
              {
                command: "docker network create --subnet 10.213.0.0/16 NAME",
                does: "makes a larger one, for new containers; those that run can be connected to both",
                safe: false,
              },
            ],
            about: { namespace: patient.host.id, network: network.name },
          },
        ];
      }),
    );
  },
};
