/** Rule sets of engines over the bridges of a random topology, and the ports that it has published. */
import type { ContainerID, EndpointID } from "../../src/lib/ids.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { OPTION } from "../../src/network/bridge/options.ts";
import { designNetwork } from "../../src/network/create.ts";
import { drivers } from "../../src/network/drivers.ts";
import { mergeElements } from "../../src/network/firewall/elements.ts";
import { rules } from "../../src/network/firewall/rules.ts";
import type { Endpoint, Network, PortBinding, Protocol } from "../../src/network/types.ts";
import { settings } from "./networks.ts";
import { dockerNftables, dockerXtables } from "./random-topology-docker.ts";
import { netavarkNftables, netavarkXtables } from "./random-topology-netavark.ts";
import {
  type Bridge,
  type Published,
  publishedIn,
  type Step,
  UPLINK,
  type World,
} from "./random-topology-world.ts";

/** By the commands that load them: `iptables-nft`, `iptables-legacy`, `nft`. */
const xtables =
  (save: (world: World, family: 4 | 6) => string, flavour: "nft" | "legacy") =>
  (world: World): Step[] =>
    ([4, 6] as const).map((family) => ({
      in: "hub",
      restore: `ip${family === 6 ? "6" : ""}tables-${flavour}-restore`,
      input: save(world, family),
    }));

const nft =
  (text: (world: World) => string) =>
  (world: World): Step[] => [{ in: "hub", nft: text(world) }];

const MAKERS = {
  none: () => [],
  drawbridge: nft(drawbridge),
  "dockerd's nftables": nft(dockerNftables),
  "dockerd's iptables-nft": xtables(dockerXtables, "nft"),
  "dockerd's iptables-legacy": xtables(dockerXtables, "legacy"),
  "netavark's nftables": nft(netavarkNftables),
  "netavark's iptables-nft": xtables(netavarkXtables, "nft"),
  "netavark's iptables-legacy": xtables(netavarkXtables, "legacy"),
} satisfies Record<string, (world: World) => Step[]>;

export type FirewallName = keyof typeof MAKERS;
export const FIREWALLS = Object.keys(MAKERS) as FirewallName[];

export const firewallSteps = (world: World, name: FirewallName): Step[] => MAKERS[name](world);

/** By the engine's own code. */
function drawbridge(world: World): string {
  const published = publishedIn(world);
  const parts = world.bridges.flatMap((bridge) => {
    const network = networkOf(bridge);
    const endpoints = endpointsOf(bridge, network);
    return [
      drivers.bridge.elements(network),
      ...endpoints.flatMap(({ leaf, endpoint }) => {
        const bindings = published.filter((one) => one.leaf === leaf).flatMap(bindingsOf);
        return [
          drivers.bridge.endpointElements(network, endpoint),
          ...(bindings.length > 0 ? [drivers.bridge.portElements(network, endpoint, bindings)] : []),
        ];
      }),
    ];
  });
  return rules(mergeElements(parts));
}

const networkOf = ({ name, icc, subnet4, subnet6 }: Bridge): Network =>
  designNetwork(
    {
      name,
      ipv6: true,
      ipam: { config: [{ subnet: subnet4 }, { subnet: subnet6 }] },
      options: { [OPTION.name]: name, [OPTION.icc]: String(icc) },
    },
    {
      networks: [],
      facts: { links: [], addresses: [], routes: [] },
      settings,
      ula: parsePrefix("fd12:3456:789a::/48"),
      spent: [],
    },
  ).network;

const endpointsOf = ({ leaves }: Bridge, network: Network) =>
  leaves.map((leaf) => {
    const endpoint: Endpoint = {
      id: `endpoint-${leaf.name}` as EndpointID,
      network: network.id,
      networkName: network.name,
      container: `container-${leaf.name}` as ContainerID,
      containerName: leaf.name,
      aliases: [],
      dnsNames: [],
      ...drivers.bridge.connect(network, [], { taken: [] }),
      hostInterface: leaf.port,
      mac: leaf.mac as NonNullable<Endpoint["mac"]>,
      address: parsePrefix(`${leaf.address4}/24`),
      address6: parsePrefix(`${leaf.address6}/64`),
    };
    return { leaf, endpoint };
  });

function bindingsOf({ protocol, hostPort, bound }: Published): PortBinding[] {
  const at = bound ? [UPLINK.host4, UPLINK.host6] : ["0.0.0.0", "::"];
  return at.map((address) => ({
    hostAddress: parseAddress(address),
    hostPort,
    port: 80,
    protocol: protocol as Protocol,
  }));
}
