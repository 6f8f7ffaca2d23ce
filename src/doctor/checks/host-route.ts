/** The machine's own way out: none, one too many, or one that leads into a container's wire. */
import { type Family, formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedLink, ObservedRoute } from "../../observe/types.ts";
import { addressesOf } from "../facts/namespace.ts";
import { attachmentsOf, bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "host-route";
/** RTN_BLACKHOLE and those that follow it: somebody has closed the way on purpose, and `way-out` tells of it. */
const REFUSING = 6;

export const hostRoute: Check = {
  name: NAME,
  title: "the host has one default route of each metric, and none of them leads to a container",
  reports: [
    {
      title: "Default route created by docker on host kills external connectivity for containers AND host",
      url: "https://github.com/moby/moby/issues/49653",
    },
    {
      title: "Docker does not start when there is more than one default route",
      url: "https://github.com/moby/moby/issues/7796",
    },
    {
      title: 'systemd-networkd default "unmanaged" for docker*, br-*, veth*',
      url: "https://github.com/systemd/systemd/issues/28626",
    },
  ],
  looksAt: "host",
  look: (patient) => [
    ...([4, 6] as const).flatMap((family) => [...inward(patient, family), ...twice(patient, family)]),
    ...none(patient),
  ],
};

/** `ip route show default` as it prints a route. */
function shown(host: Namespace, { family, hops, metric }: ObservedRoute): string {
  const [hop] = hops;
  const via = hop?.via ? ` via ${formatAddress(hop.via)}` : "";
  const six = family === 6 ? "-6 " : "";
  return `ip ${six}route: default${via} dev ${linkAt(host, hop?.ifindex)?.name ?? hop?.ifindex}${metric === 0 ? "" : ` metric ${metric}`}`;
}

const deletion = (host: Namespace, { family, hops, metric }: ObservedRoute): string => {
  const [hop] = hops;
  const via = hop?.via ? shell` via ${formatAddress(hop.via)}` : "";
  const dev = shell` dev ${linkAt(host, hop?.ifindex)?.name ?? ""}`;
  return `ip ${family === 6 ? "-6 " : ""}route del default${via}${dev} metric ${metric}`;
};

/** Links of engines: a container's pair, or a network's bridge. */
function inner(patient: Patient): ReadonlySet<ObservedLink> {
  const bridges = bridgeNetworks(patient).map(({ bridge }) => bridge);
  const ports = attachmentsOf(patient).map(({ port }) => port);
  return new Set([...bridges, ...ports].filter((link) => link !== undefined));
}

function inward(patient: Patient, family: Family): readonly Finding[] {
  const { host } = patient;
  const ours = inner(patient);
  return defaultRoutes(host, family).flatMap((route) => {
    const link = route.hops.map(({ ifindex }) => linkAt(host, ifindex)).find((one) => one && ours.has(one));
    if (!link) return [];
    return [
      {
        check: NAME,
        severity: "broken" as const,
        title: `this machine sends what it knows no other way for to ${link.name}, where containers are`,
        evidence: [shown(host, route)],
        cause:
          "A network manager has taken an engine's link for one of its own, and set it up as if a router were behind it. Packets for the world go to a container instead, the containers' own among them.",
        fixes: [
          {
            command: deletion(host, route),
            does: "takes the route away; the network manager has to be told to leave the engine's links alone",
            safe: false,
          },
        ],
        about: { namespace: host.id, link: { namespace: host.id, ifindex: link.ifindex } },
      },
    ];
  });
}

/** IPv6 takes several of one metric for one route with several next hops. */
function twice({ host }: Patient, family: Family): readonly Finding[] {
  if (family === 6) return [];
  const byMetric = Map.groupBy(
    defaultRoutes(host, family).filter(({ tos }) => tos === 0),
    ({ metric }) => metric,
  );
  return [...byMetric.values()].flatMap((routes) => {
    const [first, ...more] = routes;
    if (!first || more.length === 0) return [];
    const names = routes.flatMap(({ hops }) => linkAt(host, hops[0]?.ifindex)?.name ?? []);
    return [
      {
        check: NAME,
        severity: "risk" as const,
        title: `this machine has ${routes.length} default routes of metric ${first.metric}, by ${listed(names)}: only the first is used`,
        evidence: routes.map((route) => shown(host, route)),
        cause:
          "Which of them stands first depends on the order in which they were set: after the next boot, or when a link goes down and comes back, containers may leave by another link, under another address, or not at all.",
        fixes: [
          {
            command: deletion(host, routes.at(-1) ?? first),
            does: "takes the one away that is not used; or give it a metric of its own where it is set up",
            safe: false,
          },
        ],
        about: { namespace: host.id },
      },
    ];
  });
}

/** Where there is a link that one could leave by, and containers that would. */
function none(patient: Patient): readonly Finding[] {
  const { host } = patient;
  const ours = inner(patient);
  const links = host.links.filter(
    (link) =>
      link.up &&
      !link.loopback &&
      link.kind !== "bridge" &&
      link.master === undefined &&
      !ours.has(link) &&
      addressesOf(host, link).some(({ address }) => address.address.family === 4),
  );
  const open = bridgeNetworks(patient).filter(
    ({ network, residents }) => !network.internal && residents.length > 0,
  );
  const has = host.routes.some(
    ({ family, to, type }) => family === 4 && to.length === 0 && (type === 1 || type >= REFUSING),
  );
  if (has || links.length === 0 || open.length === 0) return [];
  return [
    {
      check: NAME,
      severity: "note",
      title: `this machine has no default route: containers reach no further than the networks of ${listed(links.map(({ name }) => name))}`,
      evidence: ["ip route show default: (nothing)"],
      cause:
        "Where a machine is meant to reach its own network alone, that is right. Otherwise the lease that brought the route has run out, or it went with a link that was switched off and on.",
      fixes: [
        {
          command: "ip route add default via GATEWAY",
          does: "sends what there is no other way for to a router of that network",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}
