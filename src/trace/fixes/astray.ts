/** Packets that went where they should not have gone, or to somebody else: told by what an engine says of addresses. Pure. */
import { type Address, contains, formatAddress, formatPrefix, sameAddress, subnetOf } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { RT_TABLE, RTN } from "../../linux/rtnetlink/route-numbers.ts";
import type { EngineNetwork, Namespace, NextHop, ObservedRoute, Topology } from "../../observe/types.ts";
import type { Case, Explain } from "./types.ts";
import { fix, inside, programOf } from "./words.ts";

const hostIn = ({ topology }: Case): Namespace | undefined => topology.namespaces.get(topology.host);

/** Where the packet was going when it ended. */
const goal = ({ packet, flow }: Case): Address => packet?.destination ?? flow.destination;

/** The way that the main table has for an address: of the longest prefix that holds it, the first. */
const bestRoute = ({ routes }: Namespace, address: Address): ObservedRoute | undefined =>
  routes
    .filter(
      ({ table, type, to }) =>
        table === RT_TABLE.main && type === RTN.unicast && contains(subnetOf(to), address),
    )
    .toSorted((a, b) => b.to.length - a.to.length || a.metric - b.metric)[0];

const networkOf = ({ engines }: Topology, address: Address): EngineNetwork | undefined =>
  engines
    .flatMap(({ networks }) => networks)
    .find(
      ({ bridge, subnets }) => bridge && subnets.some(({ subnet }) => contains(subnetOf(subnet), address)),
    );

/** What is for a network, on its way by another link than that network's bridge. */
export const astray: Explain = (one) => {
  const host = hostIn(one);
  const network = networkOf(one.topology, goal(one));
  const bridge = host?.links.find(({ name }) => name === network?.bridge);
  if (!host || !network || !bridge) return undefined;
  const route = bestRoute(host, goal(one));
  const [hop] = route?.hops ?? [];
  if (!route || !hop || hop.ifindex === bridge.ifindex || !wentBy(one, host, hop)) return undefined;
  const by = host.links.find(({ ifindex }) => ifindex === hop.ifindex)?.name ?? `link ${hop.ifindex}`;
  const away = `${host.name} sends it by ${by}`;
  if (!bridge.up)
    return {
      at: `bridge ${bridge.name}`,
      why: `${bridge.name}, the bridge of network ${network.name}, is down, and ${away}`,
      fixes: [fix(inside(host, shell`ip link set ${bridge.name} up`), "sets the bridge up")],
    };
  const text = route.to.length === 0 ? "default" : formatPrefix(route.to);
  return {
    at: "routing",
    why: `${formatAddress(goal(one))} is of network ${network.name} on ${bridge.name}, and ${away}, for the route to ${text}`,
    fixes: [
      fix(
        inside(host, `ip route show ${text}`),
        "shows the route that takes it: a VPN's, or a LAN's; one must give way",
      ),
    ],
  };
};

/** It ended on its way to that route's next hop, or beyond the host. */
const wentBy = ({ namespace, nextHop, from }: Case, host: Namespace, { via }: NextHop): boolean =>
  namespace === host
    ? via !== undefined && nextHop !== undefined && sameAddress(via, nextHop)
    : namespace !== undefined && !namespace.container && namespace !== from.namespace;

/** An address that a container was given, and that the host has as well. */
export const taken: Explain = (one) => {
  const { topology, flow, namespace } = one;
  const meant = flow.to.namespace === undefined ? undefined : topology.namespaces.get(flow.to.namespace);
  if (!meant?.container || !namespace?.host) return undefined;
  if (!meant.addresses.some(({ address }) => sameAddress(address.address, flow.destination)))
    return undefined;
  const held = namespace.addresses.find(({ address }) => sameAddress(address.address, flow.destination));
  const link = namespace.links.find(({ ifindex }) => ifindex === held?.ifindex);
  if (!held || !link) return undefined;
  return {
    at: "duplicate address",
    why: `${formatAddress(flow.destination)} of ${meant.container.name} is an address of ${namespace.name} as well, on ${link.name}, which keeps what is sent there`,
    fixes: [
      fix(
        inside(namespace, shell`ip addr del ${formatPrefix(held.address)} dev ${link.name}`),
        `takes the address away from ${namespace.name}`,
      ),
    ],
  };
};

/** A container that was given the address, and has it no more. */
export const lostAddress: Explain = (one) => {
  const { namespace, reason } = one;
  const destination = goal(one);
  const given = namespace?.container?.endpoints
    .flatMap(({ addresses }) => addresses)
    .find(({ address }) => sameAddress(address, destination));
  if (!namespace || !given || !/^(not-forwarding|no-route|martian)$/.test(reason.code)) return undefined;
  if (namespace.addresses.some(({ address }) => sameAddress(address.address, destination))) return undefined;
  const [link, ...others] = namespace.links.filter(({ loopback }) => !loopback);
  const shown = `${formatAddress(given.address)}/${given.length}`;
  return {
    at: "its address",
    why: `${namespace.name} was given ${shown}, and has it no more`,
    fixes:
      link && others.length === 0
        ? [fix(inside(namespace, shell`ip addr add ${shown} dev ${link.name}`), "gives it its address back")]
        : [],
  };
};

/** Networks that are not to be translated: their addresses are known outside, or should be. */
const isRouted = ({ options }: EngineNetwork): boolean =>
  Object.entries(options).some(
    ([key, value]) =>
      (/enable_ip_masquerade$/.test(key) && value === "false") ||
      (/gateway_mode/.test(key) && value === "routed"),
  );

/** A container's own address, seen where nobody knows a way back to it. */
export const untranslated: Explain = (one) => {
  const { namespace, direction, reason, from } = one;
  if (direction !== "back" || reason.code !== "no-route" || !namespace || namespace.host) return undefined;
  if (!from.container || !from.network || namespace === from.namespace) return undefined;
  if (!from.network.subnets.some(({ subnet }) => contains(subnetOf(subnet), goal(one)))) return undefined;
  const shown = formatAddress(goal(one));
  const routed = isRouted(from.network);
  const program = programOf(from.container);
  return {
    at: "routing",
    why: routed
      ? `${from.network.name} is not translated, by its options, and ${namespace.name} has no route to ${shown}`
      : `it came under ${from.label}'s own address ${shown}, to which ${namespace.name} has no route: no rule of the host translates it`,
    fixes: routed
      ? []
      : [
          fix(
            shell`systemctl restart ${program}`,
            `has ${program} set its rules again, masquerading among them`,
          ),
        ],
  };
};
