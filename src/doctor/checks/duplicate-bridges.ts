/** Two bridges with one subnet: the host answers by one of them, whoever asked. */
import { formatPrefix, overlaps } from "../../lib/ip.ts";
import { addressesOf } from "../facts/namespace.ts";
import type { Check } from "../types.ts";

const NAME = "duplicate-bridges";

export const duplicateBridges: Check = {
  name: NAME,
  title: "no two bridges have one subnet",
  reports: [
    {
      title: "Regression: docker network conflicts with host routes when creating a new network",
      url: "https://github.com/moby/moby/issues/46615",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host, topology, container } = patient;
    const bridges = host.links
      .filter(({ kind }) => kind === "bridge")
      .flatMap((link) => addressesOf(host, link).map(({ address }) => ({ link, address })));
    const networkOf = (name: string) =>
      topology.engines.flatMap(({ networks }) => networks).find(({ bridge }) => bridge === name)?.name;
    return bridges.flatMap((one, i) =>
      bridges
        .slice(i + 1)
        .filter(({ link, address }) => link !== one.link && overlaps(address, one.address))
        .filter(
          ({ link }) =>
            container === undefined ||
            container.of.endpoints.some(({ network }) =>
              [networkOf(link.name), networkOf(one.link.name)].includes(network),
            ),
        )
        .map(({ link, address }) => {
          const used = [one.link, link].every(({ ifindex }) =>
            host.links.some(({ master }) => master === ifindex),
          );
          return {
            check: NAME,
            severity: used ? "broken" : "risk",
            title: `${one.link.name} and ${link.name} have overlapping subnets, ${formatPrefix(one.address)} and ${formatPrefix(address)}`,
            evidence: [
              `${one.link.name} inet ${formatPrefix(one.address)}`,
              `${link.name} inet ${formatPrefix(address)}`,
            ],
            cause:
              "The kernel has one route for the subnet and takes the first: containers on the other bridge ask, and never hear an answer. Two engines with the same defaults, or a bridge that an engine left behind, make this.",
            fixes: [
              networkOf(link.name) === undefined
                ? {
                    command: `ip link del ${link.name}`,
                    does: "removes it, where no engine has it any more",
                    safe: false,
                  }
                : {
                    command: `docker network create --subnet 192.168.231.0/24 NAME`,
                    does: "makes a network with a subnet of its own, for the containers of one of them",
                    safe: false,
                  },
            ],
            about: { namespace: host.id },
          };
        }),
    );
  },
};
