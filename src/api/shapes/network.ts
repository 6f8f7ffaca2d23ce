/** Networks in Docker's JSON (Engine API, Network). Peers and Services are of a swarm's networks. */
import { type Address, formatAddress, formatPrefix, type Prefix } from "../../lib/ip.ts";
import type { Endpoint, Network, Pool } from "../../network/types.ts";
import type { Minor } from "../version.ts";

/** As the list shows it. */
export function networkSummary(network: Network, minor: Minor) {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    ...(minor >= 48 && { EnableIPv4: network.ipv4 }),
    EnableIPv6: network.ipv6,
    IPAM: ipamOf(network),
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? "" },
    ConfigOnly: network.configOnly ?? false,
    Containers: {},
    Options: network.options,
    Labels: network.labels,
  };
}

function ipamOf(network: Network) {
  const { driver, options, pools } = network.ipam;
  return {
    Driver: driver,
    Options: options,
    Config: pools.length > 0 ? pools.map(poolConfig) : null,
  };
}

function poolConfig(pool: Pool) {
  const auxiliary = Object.entries(pool.auxiliary);
  return {
    Subnet: formatPrefix(pool.subnet),
    ...(pool.range && { IPRange: formatPrefix(pool.range) }),
    ...(pool.gateway && { Gateway: formatAddress(pool.gateway) }),
    ...(auxiliary.length > 0 && {
      AuxiliaryAddresses: Object.fromEntries(
        auxiliary.map(([name, address]: [string, Address]) => [name, formatAddress(address)]),
      ),
    }),
  };
}

/** As inspect shows it: with the containers that run on it. */
export function networkInspect(network: Network, endpoints: readonly Endpoint[], minor: Minor) {
  return {
    ...networkSummary(network, minor),
    Containers: Object.fromEntries(endpoints.map((endpoint) => [endpoint.container, member(endpoint)])),
  };
}

const textOf = (prefix: Prefix | undefined): string => (prefix ? formatPrefix(prefix) : "");

const member = (endpoint: Endpoint) => ({
  Name: endpoint.containerName,
  EndpointID: endpoint.id,
  MacAddress: endpoint.mac ?? "",
  IPv4Address: textOf(endpoint.address),
  IPv6Address: textOf(endpoint.address6),
});

/** Ids of networks by name or id, looked up once for all containers of one answer. */
export function networkIdsOf(networks: { list(): readonly Network[] }): (reference: string) => string {
  const ids = new Map<string, string>();
  for (const network of networks.list()) ids.set(network.id, network.id);
  for (const network of networks.list()) ids.set(network.name, network.id);
  return (reference) => ids.get(reference) ?? "";
}
