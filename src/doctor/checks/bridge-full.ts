/** A bridge has 1,024 ports at most: BR_MAX_PORTS, net/bridge/br_private.h. */
import { bridgeNetworks } from "../facts/networks.ts";
import type { Check } from "../types.ts";

const NAME = "bridge-full";
const MOST = 1023;
const MANY = 1000;

export const bridgeFull: Check = {
  name: NAME,
  title: "each bridge has ports left",
  reports: [
    {
      title: "Docker network failures with more than 1002 containers",
      url: "https://github.com/moby/moby/issues/44973",
    },
    {
      title:
        "Error: Start container failed: Cannot start container [containerID]: [8] System error: exchange full",
      url: "https://github.com/moby/moby/issues/14718",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host } = patient;
    return bridgeNetworks(patient).flatMap(({ network, bridge }) => {
      const ports = host.links.filter(({ master }) => bridge && master === bridge.ifindex).length;
      if (!bridge || ports < MANY) return [];
      return [
        {
          check: NAME,
          severity: "risk",
          title: `network ${network.name} has room for ${MOST - ports} more containers: ${bridge.name} has ${ports} ports`,
          evidence: [`${bridge.name}: ${ports} of ${MOST} ports`],
          cause:
            "The kernel gives a bridge 1,023 ports, whatever the size of its subnet. The next container then fails to start: exchange full.",
          fixes: [
            { command: "docker network create NAME", does: "makes another, for new containers", safe: false },
          ],
          about: { namespace: host.id, network: network.name },
        },
      ];
    });
  },
};
