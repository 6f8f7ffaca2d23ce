/** What the firewall holds in each situation that docs/rules/ shows. */
import type { ContainerID, EndpointID } from "../../src/lib/ids.ts";
import { parsePrefix } from "../../src/lib/ip.ts";
import { OPTION } from "../../src/network/bridge/options.ts";
import { designNetwork } from "../../src/network/create.ts";
import { defaultNetworks } from "../../src/network/defaults.ts";
import { drivers } from "../../src/network/drivers.ts";
import { type Elements, mergeElements } from "../../src/network/firewall/elements.ts";
import { linkElements } from "../../src/network/sandbox/links.ts";
import type { Endpoint, Network, NetworkRequest, Sandbox } from "../../src/network/types.ts";
import { settings } from "../support/networks.ts";
import { binding } from "./firewall-lab.ts";

const driver = drivers.bridge;

/** `br0` with 10.1.0.0/24 and, where it has IPv6, fd00:1::/64. */
function network(
  { options = {}, ...request }: Partial<NetworkRequest> = {},
  { name = "br0", number = 1 } = {},
): Network {
  const config = [{ subnet: `10.${number}.0.0/24` }, { subnet: `fd00:${number}::/64` }];
  return designNetwork(
    {
      name,
      ipam: { config: request.ipv6 ? config : config.slice(0, 1) },
      options: { [OPTION.name]: name, ...options },
      ...request,
    },
    {
      networks: [],
      facts: { links: [], addresses: [], routes: [] },
      settings,
      ula: parsePrefix("fd12:3456:789a::/48"),
      spent: [],
    },
  ).network;
}

function container(of: Network, number: number, others: readonly Endpoint[] = []): Endpoint {
  return {
    id: `endpoint${number}` as EndpointID,
    network: of.id,
    networkName: of.name,
    container: `container${number}` as ContainerID,
    containerName: `container${number}`,
    aliases: [],
    dnsNames: [],
    ...driver.connect(of, others, { taken: [] }),
    hostInterface: `veth${String(number).repeat(7)}`,
  };
}

/** A network, containers on it, and ports of the last one of them. */
function stage(of: Network, containers = 0, ...ports: readonly string[]): Elements {
  const endpoints: Endpoint[] = [];
  for (let number = 1; number <= containers; number += 1) {
    endpoints.push(container(of, number, endpoints));
  }
  const last = endpoints.at(-1);
  return mergeElements([
    driver.elements(of),
    ...endpoints.map((endpoint) => driver.endpointElements(of, endpoint)),
    ...(last ? [driver.portElements(of, last, ports.map(binding))] : []),
  ]);
}

const [bridge] = defaultNetworks(settings, []);
if (!bridge) throw new Error("no default bridge");

const dual = (options: Readonly<Record<string, string>> = {}): Network => network({ ipv6: true, options });

/** `--link container2:db` from container1, where containers don't reach each other. */
function linked(): Elements {
  const of = network({ ipv6: true, options: { [OPTION.icc]: "false" } });
  const first = container(of, 1);
  const second = container(of, 2, [first]);
  const sandboxes = [
    {
      container: first.container,
      endpoints: [{ ...first, links: [{ container: second.container, alias: "db" }] }],
    },
    { container: second.container, endpoints: [second], exposed: [{ protocol: "tcp", port: 5432 }] },
  ] as unknown as Sandbox[];
  return mergeElements([
    driver.elements(of),
    ...[first, second].map((endpoint) => driver.endpointElements(of, endpoint)),
    linkElements(sandboxes, () => of),
  ]);
}

export const SITUATIONS = {
  "no-bridge": { about: "No network: `--bridge none`.", elements: {} },
  "default-bridge": {
    about:
      "The default bridge without containers, on a host that did not forward before the engine (`unrouted`).",
    elements: mergeElements([driver.elements(bridge), { unrouted: [[{ nfproto: "ipv4" }]] }]),
  },
  "two-containers": { about: "Two containers on the default bridge.", elements: stage(bridge, 2) },
  "dual-stack": { about: "A network with IPv6, and two containers on it.", elements: stage(dual(), 2) },
  "two-networks": {
    about: "Two networks with a container each: nothing tells of a way between them.",
    elements: mergeElements([
      stage(network()),
      driver.endpointElements(network(), container(network(), 1)),
      stage(network({}, { name: "br1", number: 2 })),
      driver.endpointElements(network(), container(network({}, { name: "br1", number: 2 }), 2)),
    ]),
  },
  "icc-off": {
    about: "`enable_icc=false`: two containers that don't reach each other.",
    elements: stage(dual({ [OPTION.icc]: "false" }), 2),
  },
  links: {
    about: "`enable_icc=false`, and `--link` from the first container to the second, which exposes 5432/tcp.",
    elements: linked(),
  },
  "no-masquerade": {
    about: "`enable_ip_masquerade=false`: containers leave under their own addresses.",
    elements: stage(dual({ [OPTION.masquerade]: "false" }), 1),
  },
  snat: {
    about:
      "`host_ipv4=203.0.113.7`, `host_ipv6=2001:db8::7`: containers leave under addresses of the user's choice.",
    elements: stage(dual({ [OPTION.source4]: "203.0.113.7", [OPTION.source6]: "2001:db8::7" }), 1),
  },
  internal: {
    about: "`--internal`: two containers that reach each other and the host, and nothing else.",
    elements: stage(network({ ipv6: true, internal: true }), 2),
  },
  isolated: {
    about: "Gateway mode `isolated`: as internal, and the bridge has no address.",
    elements: stage(
      network({
        ipv6: true,
        internal: true,
        options: { [OPTION.mode4]: "isolated", [OPTION.mode6]: "isolated" },
      }),
      2,
    ),
  },
  published: {
    about: "`-p 8080:80 -p 203.0.113.2:5353:53/udp` on a network with IPv6.",
    elements: stage(dual(), 1, "8080:80/tcp", "[::]:8080:80/tcp", "203.0.113.2:5353:53/udp"),
  },
  "published-on-loopback": {
    about: "`-p 127.0.0.1:8080:80`.",
    elements: stage(network(), 1, "127.0.0.1:8080:80/tcp"),
  },
  "nat-unprotected": {
    about:
      "Gateway mode `nat-unprotected`, and `-p 8080:80`: containers are reached by their own addresses as well.",
    elements: stage(
      dual({ [OPTION.mode4]: "nat-unprotected", [OPTION.mode6]: "nat-unprotected" }),
      1,
      "8080:80/tcp",
      "[::]:8080:80/tcp",
    ),
  },
  routed: {
    about:
      "Gateway mode `routed`, and `-p 80`: by their own addresses alone, at published ports, and by ping.",
    elements: stage(
      dual({ [OPTION.mode4]: "routed", [OPTION.mode6]: "routed" }),
      1,
      "80:80/tcp",
      "[::]:80:80/tcp",
    ),
  },
  trusted: {
    about: "`trusted_host_interfaces=wg0`, and `-p 8080:80`: who comes by wg0 may ask the container itself.",
    elements: stage(dual({ [OPTION.trusted]: "wg0" }), 1, "8080:80/tcp", "[::]:8080:80/tcp"),
  },
  "host-guard": {
    about: "`drawbridge.host-guard=true`: of the host itself, containers reach DNS.",
    elements: stage(dual({ [OPTION.hostGuard]: "true" }), 1),
  },
  "no-spoof-guard": {
    about: "`drawbridge.spoof-guard=false`: containers may send from any address.",
    elements: stage(dual({ [OPTION.spoofGuard]: "false" }), 1),
  },
} satisfies Record<string, { readonly about: string; readonly elements: Elements }>;
