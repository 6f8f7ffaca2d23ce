/** A container's networks as inspect and list show them (Engine API, NetworkSettings and EndpointSettings). */
import type { Container, ContainerView, EndpointSettings } from "../../container/types.ts";
import { shortId } from "../../lib/ids.ts";
import { formatAddress } from "../../lib/ip.ts";
import type { Endpoint } from "../../network/types.ts";
import { isAnothers, isUserDefined } from "../network-modes.ts";
import type { Minor } from "../version.ts";
import { portMap } from "./ports.ts";

/** A network's id by the name or id that a container was made with; empty where there is no such network. */
export type NetworkIdOf = (reference: string) => string;

/** The addresses of an endpoint, each family's apart; empty where it has none. */
function addressesOf(endpoint: Endpoint | undefined) {
  const { address, gateway, address6, gateway6 } = endpoint ?? {};
  return {
    Gateway: gateway ? formatAddress(gateway) : "",
    IPAddress: address ? formatAddress(address.address) : "",
    IPPrefixLen: address?.length ?? 0,
    IPv6Gateway: gateway6 ? formatAddress(gateway6) : "",
    GlobalIPv6Address: address6 ? formatAddress(address6.address) : "",
    GlobalIPv6PrefixLen: address6?.length ?? 0,
  };
}

const unique = (names: readonly string[]): string[] => [...new Set(names.filter((name) => name !== ""))];

/** Until 1.44 the short id and the hostname stood among the aliases; names of their own came with 1.44. */
function namesOf(
  { id, name, config }: Container,
  network: string,
  asked: EndpointSettings | undefined,
  given: readonly string[] | undefined,
  minor: Minor,
) {
  const aliases = asked?.Aliases ?? [];
  const own = [shortId(id), config.Hostname];
  const user = isUserDefined(network);
  return {
    Aliases: user && minor < 45 ? unique([...aliases, ...own]) : (asked?.Aliases ?? null),
    ...(minor >= 44 && { DNSNames: user ? (given ?? unique([name, ...aliases, ...own])) : null }),
  };
}

/** One entry of `Networks`; without an endpoint (the container does not run) only what was asked for. */
function endpointSettings(
  container: Container,
  name: string,
  endpoint: Endpoint | undefined,
  network: string,
  minor: Minor,
) {
  const asked = container.endpoints[name];
  // The address that was asked for is shown until the first start; a stop clears it, as dockerd has it.
  const unused = container.state.status === "created" ? asked?.MacAddress : undefined;
  const { Aliases, ...names } = namesOf(container, name, asked, endpoint?.dnsNames, minor);
  return {
    IPAMConfig: asked?.IPAMConfig ?? null,
    Links: asked?.Links ?? null,
    Aliases,
    MacAddress: endpoint?.mac ?? unused ?? "",
    ...(minor >= 32 && { DriverOpts: asked?.DriverOpts ?? null }),
    ...(minor >= 48 && { GwPriority: asked?.GwPriority ?? 0 }),
    NetworkID: endpoint?.network ?? network,
    EndpointID: endpoint?.id ?? "",
    ...addressesOf(endpoint),
    ...names,
  };
}

/** Names of the networks that a container is made for: none of its own where it shares another's. */
export function networkNames(container: Container): string[] {
  const { NetworkMode } = container.hostConfig;
  if (isAnothers(NetworkMode)) return [];
  return Object.keys(container.endpoints);
}

/** `Networks`: those of the sandbox while there is one, else those that the next start will join. */
export function networksOf(view: ContainerView, networkIdOf: NetworkIdOf, minor: Minor) {
  const { container } = view;
  const mine = view.sandbox?.container === container.id ? view.sandbox.endpoints : [];
  const names = new Set([...networkNames(container), ...mine.map((endpoint) => endpoint.networkName)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const endpoint = mine.find((each) => each.networkName === name);
      const id = endpoint?.network ?? container.endpoints[name]?.NetworkID ?? networkIdOf(name);
      return [name, endpointSettings(container, name, endpoint, id, minor)];
    }),
  );
}

/** `NetworkSettings` of inspect; the addresses of the default bridge network stand at its top, too. */
export function networkSettings(view: ContainerView, networkIdOf: NetworkIdOf, minor: Minor) {
  const { sandbox, container } = view;
  const mine = sandbox?.container === container.id ? sandbox.endpoints : [];
  const bridge = mine.find((endpoint) => endpoint.networkName === "bridge");
  // Who shares another's sandbox has none to show.
  const own = sandbox?.mode === "shared" ? undefined : sandbox;
  return {
    Bridge: "",
    SandboxID: own?.id ?? "",
    SandboxKey: own?.key ?? "",
    Ports: portMap(view),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.id ?? "",
    ...addressesOf(bridge),
    MacAddress: bridge?.mac ?? "",
    Networks: networksOf(view, networkIdOf, minor),
  };
}
