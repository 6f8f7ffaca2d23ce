/** How a container leaves its network: by a gateway that is there. */
import { type Address, type Family, formatAddress, sameAddress } from "../../lib/ip.ts";
import { isLinkLocal } from "../../lib/ip-kinds.ts";
import { shell } from "../../lib/shell.ts";
import { RTN } from "../../linux/rtnetlink/route-numbers.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedRoute } from "../../observe/types.ts";
import { addressesOf, hasAddress, inside } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf, isIsolated } from "../facts/networks.ts";
import { segmentsOf } from "../facts/segments.ts";
import type { Check, Finding, Patient, Resident } from "../types.ts";

const NAME = "container-route";
/** 0.0.0.0/0, or its halves. */
const HALF = 1;

export const containerRoute: Check = {
  name: NAME,
  title: "each container has a default route, by a gateway that is on its network",
  reports: [
    {
      title: "containers in bridge network can't access internet (no route to host)",
      url: "https://github.com/docker/cli/issues/2925",
    },
    {
      title: 'The default network "bridge" is missing "Gateway" when docker installed in Virtual machine.',
      url: "https://github.com/docker/for-linux/issues/981",
    },
  ],
  looksAt: "containers",
  look: (patient) => {
    const residents = Map.groupBy(attachmentsOf(patient), ({ resident }) => resident);
    return [...residents].flatMap(([resident, own]) =>
      [4, 6].flatMap((family) => [
        ...routeless(own, resident, family as Family),
        ...misled(patient, resident, family as Family),
      ]),
    );
  },
};

const outward = ({ routes }: Namespace, family: Family): readonly ObservedRoute[] =>
  routes.filter((route) => route.family === family && route.to.length <= HALF && route.type === RTN.unicast);

/** None at all, though a network of its has a gateway for it. */
function routeless(
  own: readonly Attachment[],
  { namespace, of }: Resident,
  family: Family,
): readonly Finding[] {
  if (outward(namespace, family).length > 0) return [];
  const ways = own.filter(({ network }) => !network.network.internal && !isIsolated(network.network));
  for (const { endpoint, network, link } of ways) {
    const gateway = endpoint.gateways.find((one) => one.family === family);
    const addressed =
      link !== undefined &&
      addressesOf(namespace, link).some(({ address }) => address.address.family === family);
    if (!gateway || !link || !addressed) continue;
    const via = formatAddress(gateway);
    const ip = family === 4 ? "ip" : "ip -6";
    return [
      {
        check: NAME,
        severity: "broken",
        title: `container ${of.name} has no default route${family === 6 ? " of IPv6" : ""}: it reaches its own network and nothing else`,
        evidence: [
          inside(namespace, `${ip} route show default: (empty)`),
          `network ${network.network.name}: gateway ${via}`,
        ],
        cause:
          "The route was there when the container started. It goes with its link when that is switched off, and does not come back by itself; or a program in the container took it away.",
        fixes: [
          {
            command: inside(namespace, `${ip} ${shell`route add default via ${via} dev ${link.name}`}`),
            does: "sets the route that the engine had set",
            safe: true,
          },
        ],
        about: { namespace: namespace.id, container: of.name },
      },
    ];
  }
  return [];
}

/** By an address that nobody on the segment has. */
function misled({ topology }: Patient, { namespace, of }: Resident, family: Family): readonly Finding[] {
  return outward(namespace, family)
    .flatMap(({ hops }) => hops)
    .flatMap(({ via, ifindex }) => {
      const link = linkAt(namespace, ifindex);
      const segment = link && segmentsOf(topology).of({ namespace: namespace.id, ifindex: link.ifindex });
      if (!via || !link || !segment || segment.open) return [];
      if (segment.members.some((member) => hasAddress(member.namespace, member.link, via))) return [];
      if (isLinkLocal(via)) return []; // those of bridges are not all told
      // The right one, and not on its bridge: told as that.
      if (of.endpoints.some(({ gateways }) => gateways.some((one) => sameAddress(one, via)))) return [];
      return [wrong(namespace, of.name, { via, link: link.name, right: rightOf(of, via), family })];
    });
}

/** The gateway that the engine gave, where it is another. */
const rightOf = ({ endpoints }: Resident["of"], via: Address): Address | undefined =>
  endpoints
    .flatMap(({ gateways }) => gateways)
    .find((one) => one.family === via.family && !sameAddress(one, via));

function wrong(
  namespace: Namespace,
  container: string,
  {
    via,
    link,
    right,
    family,
  }: {
    readonly via: Address;
    readonly link: string;
    readonly right: Address | undefined;
    readonly family: Family;
  },
): Finding {
  const shown = formatAddress(via);
  const ip = family === 4 ? "ip" : "ip -6";
  return {
    check: NAME,
    severity: "broken",
    title: `container ${container} sends what leaves its network to ${shown}, and nobody on the network has that address`,
    evidence: [
      inside(namespace, `${ip} route show default: default via ${shown} dev ${link}`),
      ...(right ? [`the engine gave it the gateway ${formatAddress(right)}`] : []),
    ],
    cause:
      "The gateway's address is not on the bridge, or the route was changed: the container asks for it by ARP and hears nothing (no route to host after three seconds).",
    fixes: right
      ? [
          {
            command: inside(
              namespace,
              `${ip} ${shell`route replace default via ${formatAddress(right)} dev ${link}`}`,
            ),
            does: "leads back to the gateway that the engine gave",
            safe: true,
          },
        ]
      : [],
    about: { namespace: namespace.id, container },
  };
}
