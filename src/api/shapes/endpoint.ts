/** A container's networks as inspect and list show them (Engine API, NetworkSettings and EndpointSettings). */
import type { Container, ContainerView, EndpointSettings } from "../../container/types.ts";
import { formatAddress } from "../../lib/ip.ts";
import type { Endpoint } from "../../network/types.ts";
import type { Minor } from "../version.ts";

/** A network's id by the name or id that a container was made with; empty where there is no such network. */
export type NetworkIdOf = (reference: string) => string;

/** The address family's four facts of an endpoint, empty for the other family. */
function addressesOf(endpoint: Endpoint | undefined) {
  const { address, gateway } = endpoint ?? {};
  const [four, six] = [address?.address.family === 4, address?.address.family === 6];
  const text = address ? formatAddress(address.address) : "";
  const via = gateway ? formatAddress(gateway) : "";
  return {
    Gateway: four ? via : "",
    IPAddress: four ? text : "",
    IPPrefixLen: four ? (address?.length ?? 0) : 0,
    IPv6Gateway: six ? via : "",
    GlobalIPv6Address: six ? text : "",
    GlobalIPv6PrefixLen: six ? (address?.length ?? 0) : 0,
  };
}

/** One entry of `Networks`; without an endpoint (the container does not run) only what was asked for. */
function endpointSettings(
  asked: EndpointSettings | undefined,
  endpoint: Endpoint | undefined,
  network: string,
  minor: Minor,
) {
  return {
    IPAMConfig: asked?.IPAMConfig ?? null,
    Links: null,
    Aliases: asked?.Aliases ?? null,
    MacAddress: endpoint?.mac ?? "",
    ...(minor >= 32 && { DriverOpts: null }),
    ...(minor >= 48 && { GwPriority: 0 }),
    NetworkID: endpoint?.network ?? network,
    EndpointID: endpoint?.id ?? "",
    ...addressesOf(endpoint),
    ...(minor >= 44 && { DNSNames: endpoint && endpoint.dnsNames.length > 0 ? endpoint.dnsNames : null }),
  };
}

/** Names of the networks that a container is made for: none of its own where it shares another's. */
export function networkNames(container: Container): string[] {
  const { NetworkMode } = container.hostConfig;
  if (NetworkMode.startsWith("container:")) return [];
  const asked = Object.keys(container.endpoints);
  const main = NetworkMode === "" || NetworkMode === "default" ? "bridge" : NetworkMode;
  return asked.includes(main) || asked.length > 0 ? asked : [main];
}

/** `Networks`: those of the sandbox while there is one, else those that the next start will join. */
export function networksOf(view: ContainerView, networkIdOf: NetworkIdOf, minor: Minor) {
  const { container } = view;
  const mine = view.sandbox?.container === container.id ? view.sandbox.endpoints : [];
  const names = new Set([...networkNames(container), ...mine.map((endpoint) => endpoint.networkName)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const endpoint = mine.find((each) => each.networkName === name);
      const settings = endpointSettings(
        container.endpoints[name],
        endpoint,
        endpoint ? endpoint.network : networkIdOf(name),
        minor,
      );
      return [name, settings];
    }),
  );
}

/** `NetworkSettings` of inspect; the addresses of the default bridge network stand at its top, too. */
export function networkSettings(view: ContainerView, networkIdOf: NetworkIdOf, minor: Minor) {
  const { sandbox, container } = view;
  const bridge = sandbox?.endpoints.find((endpoint) => endpoint.networkName === "bridge");
  const exposed = sandbox ? Object.keys(container.config.ExposedPorts ?? {}) : [];
  return {
    Bridge: "",
    SandboxID: sandbox?.id ?? "",
    SandboxKey: sandbox?.key ?? "",
    Ports: Object.fromEntries(exposed.map((port) => [port, null])),
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
