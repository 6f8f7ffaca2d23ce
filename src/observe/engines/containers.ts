/** `GET /containers/json` of Docker's API, section Container, as Drawbridge, Docker and Podman answer it. */
import {
  type Address,
  formatAddress,
  type Prefix,
  parseMac,
  tryParseAddress,
  widthOf,
} from "../../lib/ip.ts";
import { type Json, numberAt, objectAt, objectsOf, textAt, textsOf } from "./json.ts";
import type { Engine, EngineContainer, EngineEndpoint, EngineNetwork, EnginePort } from "./types.ts";

/**
 * @param pids of their first processes, by container id
 * @param networks of the same engine
 */
export const containersOf = (
  kind: Engine["kind"],
  answer: unknown,
  pids: ReadonlyMap<string, number>,
  networks: readonly EngineNetwork[] = [],
): readonly EngineContainer[] => {
  const ids = new Map(networks.map(({ name, id }) => [name, id]));
  return objectsOf(answer).map((one) => containerOf(kind, one, pids, ids));
};

function containerOf(
  kind: Engine["kind"],
  container: Json,
  pids: ReadonlyMap<string, number>,
  networkIds: ReadonlyMap<string, string>,
): EngineContainer {
  const id = textAt(container, "Id");
  return {
    engine: kind,
    id,
    name: ownName(textsOf(container.Names)) ?? id.slice(0, 12),
    image: textAt(container, "Image"),
    state: textAt(container, "State"),
    pid: pids.get(id) ?? 0,
    networkMode: textAt(objectAt(container, "HostConfig"), "NetworkMode"),
    endpoints: endpointsOf(objectAt(objectAt(container, "NetworkSettings"), "Networks"), networkIds),
    ports: portsOf(objectsOf(container.Ports)),
  };
}

/** `/web`, beside `/other/alias` of those that are linked to it. */
const ownName = (names: readonly string[]): string | undefined =>
  names.map((name) => name.replace(/^\//, "")).find((name) => !name.includes("/"));

/** @param networkIds by name: Podman says a network's name where its id belongs */
export const endpointsOf = (
  networks: Json,
  networkIds: ReadonlyMap<string, string> = new Map(),
): readonly EngineEndpoint[] =>
  Object.keys(networks).map((network) =>
    endpointOf(network, objectAt(networks, network), networkIds.get(network)),
  );

function endpointOf(network: string, endpoint: Json, id: string | undefined): EngineEndpoint {
  const mac = macAt(endpoint, "MacAddress");
  return {
    network,
    networkId: id ?? textAt(endpoint, "NetworkID"),
    addresses: [
      ...prefixAt(endpoint, "IPAddress", "IPPrefixLen"),
      ...prefixAt(endpoint, "GlobalIPv6Address", "GlobalIPv6PrefixLen"),
    ],
    gateways: [...addressAt(endpoint, "Gateway"), ...addressAt(endpoint, "IPv6Gateway")],
    ...(mac && { mac }),
    aliases: [...new Set([...textsOf(endpoint.Aliases), ...textsOf(endpoint.DNSNames)])],
  };
}

function prefixAt(endpoint: Json, address: string, length: string): readonly Prefix[] {
  const bits = numberAt(endpoint, length);
  return addressAt(endpoint, address).flatMap((parsed) =>
    Number.isInteger(bits) && bits >= 0 && bits <= widthOf(parsed.family)
      ? [{ address: parsed, length: bits }]
      : [],
  );
}

function addressAt(object: Json, key: string): readonly Address[] {
  const address = tryParseAddress(textAt(object, key));
  return address ? [address] : [];
}

function macAt(object: Json, key: string) {
  const text = textAt(object, key);
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? parseMac(text) : undefined;
}

const PROTOCOLS: readonly EnginePort["protocol"][] = ["tcp", "udp", "sctp"];

/** One each, whatever the number of host addresses that mean "any": those are told as no address at all. */
export function portsOf(ports: readonly Json[]): readonly EnginePort[] {
  const found = new Map<string, EnginePort>();
  for (const port of ports) {
    const protocol = PROTOCOLS.find((one) => one === (textAt(port, "Type") || "tcp"));
    if (!protocol) continue;
    const containerPort = numberAt(port, "PrivatePort");
    const published = numberAt(port, "PublicPort");
    const address = tryParseAddress(textAt(port, "IP"));
    const bound = address && address.bits !== 0n ? { address } : {};
    const host = published > 0 ? { host: { ...bound, port: published } } : {};
    const key = `${containerPort}/${protocol} ${published} ${bound.address ? formatAddress(bound.address) : ""}`;
    found.set(key, { protocol, containerPort, ...host });
  }
  return [...found.values()];
}
