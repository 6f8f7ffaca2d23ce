/** The networks that a container is attached to (Docker API, NetworkMode and EndpointsConfig), as they are kept. */
import { invalid, kindOf } from "../../lib/errors.ts";
import { type Address, parseMac, tryParseAddress } from "../../lib/ip.ts";
import { isDefaultName } from "../../network/defaults.ts";
import type { EndpointRequest, Network, Networks, Sandbox } from "../../network/types.ts";
import type { Registry } from "../registry.ts";
import { containerOfMode } from "../spec/namespaces.ts";
import type { Container, EndpointSettings, HostConfig } from "../types.ts";
import { DEFAULT_NETWORK, endpointLinks, isPresent, resolveLinks } from "./links.ts";

export type Endpoints = Container["endpoints"];

/** `default` is what older clients call `bridge`. */
const networkName = (name: string): string => (name === "default" || name === "" ? DEFAULT_NETWORK : name);

/** Of a name, id or prefix of an id; undefined where none is meant yet. */
export function networkMeant(reference: string, networks: Pick<Networks, "find">): Network | undefined {
  try {
    return networks.find(reference);
  } catch (thrown) {
    // An ambiguous prefix surfaces where the network is needed, as one that does not exist.
    if (!["not-found", "invalid"].includes(kindOf(thrown))) throw thrown;
    return undefined;
  }
}

/** By name or id as the user gave them, but never a part of an id: what that means may change. */
export function modeOf({ NetworkMode }: Pick<HostConfig, "NetworkMode">, networks: Networks): string {
  const network = networkMeant(NetworkMode, networks);
  return !network || network.name === NetworkMode ? NetworkMode : network.id;
}

/**
 * What a new container is attached to, by name as far as there is such a network: what was asked for, or else the
 * mode's network alone. Whoever shares another's network has none of its own.
 */
export function firstEndpoints(mode: string, asked: Endpoints, networks: Networks): Endpoints {
  if (containerOfMode(mode) !== undefined) return {};
  const given = Object.keys(asked).length > 0 ? asked : { [mode]: {} };
  return Object.fromEntries(
    Object.entries(given).map(([name, settings]) => {
      const reference = networkName(name);
      return [networkMeant(reference, networks)?.name ?? reference, settings];
    }),
  );
}

/** Once it was joined, another network of the same name is not the one that was meant. */
export const networkReference = (name: string, { NetworkID }: EndpointSettings): string =>
  NetworkID && !isDefaultName(name) ? NetworkID : name;

/** @throws invalid in Docker's words */
function staticAddress(text: string, family: Address["family"]): Address {
  const address = tryParseAddress(text);
  // `::ffff:192.0.2.1` is written for an IPv4 address (RFC 4291, 2.5.5.2).
  const mapped = address?.family === 6 && address.bits >> 32n === 0xffffn;
  if (address?.family === family && address.bits !== 0n && !mapped) return address;
  throw invalid(`invalid endpoint settings:\ninvalid IPv${family} address: ${text}`);
}

/** @throws invalid in Docker's words */
function linkLocalAddress(text: string): Address {
  const address = tryParseAddress(text);
  if (address && address.bits !== 0n) return address;
  throw invalid(`invalid endpoint settings:\ninvalid link-local IP address: ${text}`);
}

/** What is asked of one network. Legacy links whose container is gone are gone as well. @throws invalid */
export function endpointRequest(
  { hostConfig }: Pick<Container, "hostConfig">,
  name: string,
  settings: EndpointSettings,
  registry: Registry,
): EndpointRequest {
  const { IPv4Address, IPv6Address, LinkLocalIPs } = settings.IPAMConfig ?? {};
  const legacy = name === DEFAULT_NETWORK ? hostConfig.Links : [];
  const links = [
    ...endpointLinks(settings.Links ?? [], registry),
    ...resolveLinks(
      legacy.filter((link) => isPresent(link, registry)),
      registry,
    ),
  ];
  return {
    network: networkReference(name, settings),
    ...(settings.Aliases?.length && { aliases: settings.Aliases }),
    ...(IPv4Address && { address: staticAddress(IPv4Address, 4) }),
    ...(IPv6Address && { address6: staticAddress(IPv6Address, 6) }),
    ...(LinkLocalIPs?.length && { linkLocal: LinkLocalIPs.map(linkLocalAddress) }),
    ...(settings.MacAddress && { mac: parseMac(settings.MacAddress) }),
    ...(links.length > 0 && { links }),
    ...(settings.DriverOpts && { driverOptions: settings.DriverOpts }),
    ...(settings.GwPriority !== undefined && { gatewayPriority: settings.GwPriority }),
  };
}

/** In which order they are joined: the mode's network first, the others by name. */
export function joiningOrder(
  { hostConfig, endpoints }: Pick<Container, "hostConfig" | "endpoints">,
  networks: Pick<Networks, "find">,
): readonly (readonly [name: string, settings: EndpointSettings])[] {
  const mode = hostConfig.NetworkMode;
  const main = networkMeant(mode, networks)?.name ?? mode;
  const rank = (name: string) => (name === main || name === mode ? 0 : 1);
  return Object.entries(endpoints).toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The same, by their networks' own names, with the ids of those that were joined, in the order of joining. */
export function joinedEndpoints(
  order: readonly (readonly [name: string, settings: EndpointSettings])[],
  sandbox: Sandbox,
): Endpoints {
  return Object.fromEntries(
    order.map(([name, settings], index) => {
      const endpoint = sandbox.endpoints[index];
      return endpoint
        ? [endpoint.networkName, { ...settings, NetworkID: endpoint.network }]
        : [name, settings];
    }),
  );
}
