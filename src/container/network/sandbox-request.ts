/** What a container asks of the network. */
import { invalid } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { Networks, SandboxRequest } from "../../network/types.ts";
import { directoryOf, type NetworkFiles, networkFilesOf, type Roots } from "../paths.ts";
import type { Registry } from "../registry.ts";
import { containerOfMode, hasOwnNetwork } from "../spec/namespaces.ts";
import type { Container, EndpointSettings, HostConfig } from "../types.ts";
import { endpointRequest, joiningOrder } from "./endpoints.ts";
import { checkLegacyLinks } from "./links.ts";
import { joinable, networkOwner } from "./network-owner.ts";
import { boundPorts, exposedOf, publishRequests } from "./ports.ts";

/** What it takes to know what a container asks for. */
interface Known {
  readonly registry: Registry;
  readonly networks: Pick<Networks, "find">;
}

/** The sandbox's kind and the networks that it is attached to. @throws invalid */
export function sandboxModeOf(container: Container, { registry, networks }: Known): SandboxRequest["mode"] {
  const mode = container.hostConfig.NetworkMode;
  if (mode === "host") return { kind: "host" };
  const shared = containerOfMode(mode);
  if (shared !== undefined) return { kind: "container", container: shared as ContainerID };
  const endpoints = joiningOrder(container, networks).map(([name, settings]) =>
    endpointRequest(container, name, settings, registry),
  );
  return { kind: "own", endpoints };
}

/** Without a namespace of its own it has no interface of its own. @throws invalid */
export function refuseMac(mode: string, asked: Readonly<Record<string, EndpointSettings>>): void {
  if (hasOwnNetwork(mode)) return;
  if (Object.values(asked).some(({ MacAddress }) => MacAddress)) {
    throw invalid("conflicting options: mac-address and the network mode");
  }
}

/** The host's namespace, and another container's, join no network more. @throws invalid in Docker's words */
export function refuseShared(mode: string): void {
  if (hasOwnNetwork(mode)) return;
  throw invalid(
    "container sharing network namespace with another container or host cannot be connected to any other network",
  );
}

/** What asks for a network beside the host's namespace is refused. @throws invalid in Docker's words */
export function refuseNetworksOfHost(mode: string, asked: Readonly<Record<string, EndpointSettings>>): void {
  if (mode === "host" && Object.keys(asked).some((name) => name !== mode)) refuseShared(mode);
}

/** Nor has the host's own namespace names or addresses to give; that surfaces at start. @throws invalid in Docker's words */
function refuseSettingsOfHost({ endpoints }: Container): void {
  for (const { IPAMConfig, Aliases } of Object.values(endpoints)) {
    if (IPAMConfig?.IPv4Address || IPAMConfig?.IPv6Address) {
      throw invalid("user specified IP address is supported on user defined networks only");
    }
    if (Aliases?.length) {
      throw invalid("network-scoped alias is supported only for containers in user defined networks");
    }
  }
}

/** Sysctls of the network namespace, which the sandbox has before the container starts. */
const networkSysctls = (sysctls: HostConfig["Sysctls"]): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(sysctls).filter(([key]) => key.startsWith("net.")));

/** What can be asked of the network before the container starts. @throws invalid */
export function networkDemands(
  container: Container,
  mode: SandboxRequest["mode"],
): Pick<SandboxRequest, "mode" | "dns" | "extraHosts" | "sysctls" | "ports"> {
  const { hostConfig } = container;
  return {
    mode,
    dns: hostConfig.Dns,
    extraHosts: hostConfig.ExtraHosts,
    sysctls: networkSysctls(hostConfig.Sysctls),
    ports: mode.kind === "own" ? publishRequests(boundPorts(container)) : [],
  };
}

/**
 * @throws conflict where it joins or links to a container that does not run, in Docker's words; not-found, invalid
 */
export function sandboxRequestOf(container: Container, known: Known, roots: Roots): SandboxRequest {
  const { config, hostConfig, id } = container;
  const { registry } = known;
  checkLegacyLinks(container, registry);
  const mode = sandboxModeOf(container, known);
  if (mode.kind === "host") refuseSettingsOfHost(container);
  const joined = mode.kind === "container" ? joinable(mode.container, id, registry) : undefined;
  return {
    ...networkDemands(container, joined === undefined ? mode : { kind: "container", container: joined }),
    container: id,
    containerName: container.name,
    hostname: config.Hostname,
    domainname: config.Domainname,
    directory: directoryOf(roots, id),
    dnsSearch: hostConfig.DnsSearch,
    dnsOptions: hostConfig.DnsOptions,
    exposed: exposedOf(container),
  };
}

/** hosts, hostname and resolv.conf: those of the container whose network is shared, else its own. */
export const filesOf = (container: Container, registry: Registry, roots: Roots): NetworkFiles =>
  networkFilesOf(roots, (networkOwner(container, registry) ?? container).id);
