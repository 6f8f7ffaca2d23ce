/** What a container asks of the network (Docker API, NetworkMode and EndpointsConfig). */
import { conflict, invalid } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import { parseAddress, parseMac } from "../lib/ip.ts";
import type { EndpointRequest, SandboxRequest } from "../network/types.ts";
import { containerOfMode } from "./namespaces.ts";
import { directoryOf, type NetworkFiles, networkFilesOf, type Roots } from "./paths.ts";
import type { Registry } from "./registry.ts";
import type { Container, EndpointSettings, HostConfig } from "./types.ts";

type Endpoints = Readonly<Record<string, EndpointSettings>>;

/** `default` is what older clients call `bridge`. */
export const networkName = (name: string): string => (name === "default" || name === "" ? "bridge" : name);

/** The sandbox's kind and the networks that it is attached to: that of the mode first. @throws invalid */
export function sandboxModeOf(
  hostConfig: Pick<HostConfig, "NetworkMode">,
  endpoints: Endpoints,
): SandboxRequest["mode"] {
  const mode = hostConfig.NetworkMode;
  if (mode === "host" || containerOfMode(mode) !== undefined) refuseMac(endpoints);
  if (mode === "host") return { kind: "host" };
  const shared = containerOfMode(mode);
  if (shared !== undefined) return { kind: "container", container: shared as ContainerID };
  const names = new Set([mode, ...Object.keys(endpoints)]);
  return { kind: "own", endpoints: [...names].map((name) => endpointRequest(name, endpoints[name])) };
}

/** Without a namespace of its own it has no interface of its own. @throws invalid */
function refuseMac(endpoints: Endpoints): void {
  if (Object.values(endpoints).some(({ MacAddress }) => MacAddress)) {
    throw invalid("conflicting options: mac-address and the network mode");
  }
}

function endpointRequest(network: string, settings: EndpointSettings | undefined): EndpointRequest {
  const address = settings?.IPAMConfig?.IPv4Address;
  return {
    network,
    ...(settings?.Aliases?.length && { aliases: settings.Aliases }),
    ...(address && { address: parseAddress(address) }),
    ...(settings?.MacAddress && { mac: parseMac(settings.MacAddress) }),
  };
}

/** Sysctls of the network namespace, which the sandbox has before the container starts. */
export const networkSysctls = (sysctls: HostConfig["Sysctls"]): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(sysctls).filter(([key]) => key.startsWith("net.")));

/** @throws conflict where it joins a container that does not run, in Docker's words; not-found, invalid */
export function sandboxRequestOf(container: Container, registry: Registry, roots: Roots): SandboxRequest {
  const { config, hostConfig } = container;
  const mode = sandboxModeOf(hostConfig, container.endpoints);
  return {
    container: container.id,
    containerName: container.name,
    hostname: config.Hostname,
    domainname: config.Domainname,
    mode: mode.kind === "container" ? { ...mode, container: joinable(mode.container, registry) } : mode,
    directory: directoryOf(roots, container.id),
    dns: hostConfig.Dns,
    dnsSearch: hostConfig.DnsSearch,
    dnsOptions: hostConfig.DnsOptions,
    extraHosts: hostConfig.ExtraHosts,
    sysctls: networkSysctls(hostConfig.Sysctls),
  };
}

function joinable(reference: string, registry: Registry): ContainerID {
  const other = registry.find(reference);
  if (!other.active) throw conflict(`cannot join network of a non running container: ${other.container.id}`);
  return other.container.id;
}

/** hosts, hostname and resolv.conf: those of the container whose network is shared, else its own. */
export function filesOf(container: Container, registry: Registry, roots: Roots): NetworkFiles {
  const shared = containerOfMode(container.hostConfig.NetworkMode);
  const owner = shared === undefined ? undefined : registry.lookUp(shared);
  return networkFilesOf(roots, owner?.container.id ?? container.id);
}
