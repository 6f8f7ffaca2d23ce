/** Networks in Docker's JSON (Engine API, Network). */
import { formatAddress, formatPrefix } from "../../lib/ip.ts";
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
    IPAM: {
      Driver: network.ipam.driver,
      Options: Object.keys(network.ipam.options).length > 0 ? network.ipam.options : null,
      Config: network.ipam.pools.map(poolConfig),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: network.options,
    Labels: network.labels,
  };
}

function poolConfig(pool: Pool) {
  const auxiliary = Object.entries(pool.auxiliary);
  return {
    Subnet: formatPrefix(pool.subnet),
    ...(pool.range && { IPRange: formatPrefix(pool.range) }),
    Gateway: formatAddress(pool.gateway),
    ...(auxiliary.length > 0 && {
      AuxiliaryAddresses: Object.fromEntries(
        auxiliary.map(([name, address]) => [name, formatAddress(address)]),
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

function member(endpoint: Endpoint) {
  const text = endpoint.address ? formatPrefix(endpoint.address) : "";
  const six = endpoint.address?.address.family === 6;
  return {
    Name: endpoint.containerName,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac ?? "",
    IPv4Address: six ? "" : text,
    IPv6Address: six ? text : "",
  };
}

/** Ids of networks by name or id, looked up once for all containers of one answer. */
export function networkIdsOf(networks: { list(): readonly Network[] }): (reference: string) => string {
  const ids = new Map<string, string>();
  for (const network of networks.list()) ids.set(network.id, network.id);
  for (const network of networks.list()) ids.set(network.name, network.id);
  return (reference) => ids.get(reference) ?? "";
}
