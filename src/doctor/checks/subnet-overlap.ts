/** A network's subnet that is somebody else's as well: a VPN's, or the LAN's. */
import { contains, formatPrefix, overlaps, type Prefix, subnetOf } from "../../lib/ip.ts";
import { RT_TABLE, RTN } from "../../linux/rtnetlink/route-numbers.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedLink, ObservedRoute } from "../../observe/types.ts";
import { bridgeNetworks, type Network } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "subnet-overlap";
/** Default routes, and their halves as VPNs set them: they say nothing about any subnet. */
const HALF = 1;

export const subnetOverlap: Check = {
  name: NAME,
  title: "no route of a VPN or a LAN overlaps the subnet of a network",
  reports: [
    {
      title: "Regression: docker network conflicts with host routes when creating a new network",
      url: "https://github.com/moby/moby/issues/46615",
    },
    {
      title:
        "[openvpn] ERROR: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
      url: "https://github.com/docker/for-linux/issues/418",
    },
    {
      title: "Docker Interface overlap with Local LAN",
      url: "https://github.com/jakeswenson/BitBetter/issues/79",
    },
  ],
  looksAt: "host",
  look: (patient) =>
    bridgeNetworks(patient).flatMap((network) =>
      network.network.subnets.flatMap(({ subnet }) =>
        routesElsewhere(patient.host, network.bridge)
          .filter(({ route }) => overlaps(route.to, subnet))
          .map(({ route, link }) => findingOf(patient, { network, subnet, route, link })),
      ),
    ),
};

interface Elsewhere {
  readonly route: ObservedRoute;
  readonly link: ObservedLink;
}

/** But by bridges: two of those with one subnet are another check's. */
function routesElsewhere(host: Namespace, bridge: ObservedLink | undefined): readonly Elsewhere[] {
  if (!bridge) return [];
  return host.routes
    .filter(({ type, table, to }) => type === RTN.unicast && table !== RT_TABLE.local && to.length > HALF)
    .flatMap((route) =>
      route.hops.flatMap(({ ifindex }) => {
        const link = linkAt(host, ifindex);
        return link && link !== bridge && link.kind !== "bridge" ? [{ route, link }] : [];
      }),
    );
}

function findingOf(
  { host }: Patient,
  { network, subnet, route, link }: Elsewhere & { readonly network: Network; readonly subnet: Prefix },
): Finding {
  const theirs = formatPrefix(route.to);
  const ours = formatPrefix(subnetOf(subnet));
  const bridge = network.bridge?.name ?? "";
  // The longest prefix wins; of two that are as long, the one with the lower metric.
  const taken = route.to.length >= subnet.length;
  const hurt = network.residents.filter(({ of }) =>
    of.endpoints.some(({ addresses }) => addresses.some(({ address }) => contains(route.to, address))),
  );
  const evidence = [`${theirs} dev ${link.name}`, `${ours} dev ${bridge} (network ${network.network.name})`];
  const fixes = [
    {
      command: `docker network create --subnet 192.168.231.0/24 NAME`,
      does: `makes a network with a subnet that nobody has, for the containers of ${network.network.name}; --default-address-pool of the engine keeps new ones apart`,
      safe: false,
    },
  ];
  const about = { namespace: host.id, network: network.network.name };
  if (taken && hurt.length > 0)
    return {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(hurt.map(({ of }) => of.name))} can't be answered: this machine sends ${theirs} to ${link.name}`,
      evidence,
      cause: `The route to ${theirs} is as close or closer than the one to ${bridge}, so packets to these containers leave by ${link.name}. A VPN that came up, or an address that was added, has taken a part of the network's subnet.`,
      fixes,
      about,
    };
  return {
    check: NAME,
    severity: "risk",
    title: taken
      ? `network ${network.network.name} (${ours}) has lost ${theirs} to ${link.name}: a container with such an address will not be answered`
      : `network ${network.network.name} (${ours}) overlaps ${theirs} at ${link.name}: hosts there with an address of both can't be reached`,
    evidence,
    cause: taken
      ? `Packets to ${theirs} leave by ${link.name}, whoever on ${bridge} has the address: the closer route wins.`
      : `Packets to ${ours} go to ${bridge}, from this machine and its containers alike: nobody beyond ${link.name} with such an address is reached.`,
    fixes,
    about,
  };
}
