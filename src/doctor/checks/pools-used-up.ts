/** Subnets for the next networks: dockerd has 31 unless it is told otherwise. */
import { formatPrefix, overlaps, parsePrefix, subnetOf } from "../../lib/ip.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import type { Check } from "../types.ts";

const NAME = "pools-used-up";

/** moby's ipamutils: 172.17 to 172.31, each a /16, and 192.168.0.0/16 in /20. */
const POOLS = [
  ...Array.from({ length: 15 }, (_, i) => parsePrefix(`172.${17 + i}.0.0/16`)),
  ...Array.from({ length: 16 }, (_, i) => parsePrefix(`192.168.${16 * i}.0/20`)),
];
const FEW = 2;

export const poolsUsedUp: Check = {
  name: NAME,
  title: "dockerd has subnets left for new networks",
  reports: [
    {
      title:
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
      url: "https://github.com/docker/for-linux/issues/599",
    },
    { title: "Cannot create new network", url: "https://github.com/moby/moby/issues/21847" },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host, tools, container } = patient;
    const networks = bridgeNetworks(patient).filter(({ engine }) => engine.kind === "docker");
    if (container || networks.length === 0) return [];
    if (/default-address-pools/.test(tools.readText("/etc/docker/daemon.json") ?? "")) return [];
    const taken = [
      ...networks.flatMap(({ network }) => network.subnets.map(({ subnet }) => subnet)),
      ...host.routes.filter(({ type, to }) => type === 1 && to.length > 1).map(({ to }) => to),
    ];
    const free = POOLS.filter((pool) => !taken.some((one) => overlaps(one, pool)));
    if (free.length > FEW) return [];
    return [
      {
        check: NAME,
        severity: "risk",
        title:
          free.length === 0
            ? "dockerd has no subnet left: docker network create fails, and so does compose up"
            : `dockerd has subnets left for ${free.length} more network${free.length === 1 ? "" : "s"}`,
        evidence: [
          `${POOLS.length - free.length} of ${POOLS.length} default pools are in use, by ${networks.length} networks and by routes of this machine`,
          ...free.map((pool) => `free: ${formatPrefix(subnetOf(pool))}`),
        ],
        cause:
          "Each network takes a whole pool: 65,534 addresses of 172.16.0.0/12, or 4,094 of 192.168.0.0/16. Each project of compose makes one.",
        fixes: [
          {
            command: "docker network prune",
            does: "removes networks that no container uses",
            safe: false,
          },
        ],
        about: { namespace: host.id },
      },
    ];
  },
};
