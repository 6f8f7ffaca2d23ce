/** A sandbox as it shall be, made of what is asked and what there is. Pure but for the ids that it draws. */
import { conflict, forbidden, invalid } from "../../lib/errors.ts";
import { type EndpointID, newId, type SandboxID } from "../../lib/ids.ts";
import type { Address } from "../../lib/ip.ts";
import { isUserDefined } from "../defaults.ts";
import { dnsNames } from "../dns/names.ts";
import { drivers } from "../drivers.ts";
import { HOST_GATEWAY, parseExtraHost } from "../files/hosts.ts";
import { onLink } from "../interface.ts";
import type { Ledger } from "../ledger.ts";
import type { SandboxRecord } from "../state.ts";
import type { Endpoint, EndpointRequest, Network, SandboxRequest } from "../types.ts";
import { checkEndpoint } from "./check.ts";
import { hostNetnsPath, netnsPath } from "./plan.ts";

/** A record before its files are composed and its ports are taken. */
export type SandboxDesign = Omit<SandboxRecord, "resolvConf" | "hosts">;

export interface DesignContext {
  readonly ledger: Ledger;
  readonly hostGateways: readonly Address[];
  readonly execRoot: string;
}

/** @throws not-found for a network; conflict; invalid, forbidden in Docker's words */
export function designSandbox(request: SandboxRequest, context: DesignContext): SandboxDesign {
  const { mode, container } = request;
  const { directory, hostname, domainname, dns, dnsSearch, dnsOptions, extraHosts } = request;
  const namesHost = extraHosts.some((host) => parseExtraHost(host).address === HOST_GATEWAY);
  if (namesHost && context.hostGateways.length === 0) {
    throw invalid("unable to derive the IP value for host-gateway: there is no default bridge network");
  }
  const files = { directory, hostname, domainname, dns, dnsSearch, dnsOptions, extraHosts };
  const id = newId<SandboxID>();
  const base = { id, container, ports: [], exposed: request.exposed };
  const rest = { containerName: request.containerName, files, unpublished: [] };
  switch (mode.kind) {
    case "container": {
      const owner = context.ledger.entries.get(mode.container);
      if (owner?.phase !== "open") {
        throw conflict(`cannot join network of a non running container: ${mode.container}`);
      }
      const { key } = owner.record.sandbox;
      return { sandbox: { ...base, key, mode: "shared", endpoints: [] }, ...rest };
    }
    case "host": {
      const key = hostNetnsPath(context.execRoot);
      const network = context.ledger.find("host");
      const endpoints = [newEndpoint(request, network, { network: "host" }, [], context)];
      return { sandbox: { ...base, key, mode: "host", endpoints }, ...rest };
    }
    case "own": {
      const key = netnsPath(context.execRoot, id);
      const endpoints = newEndpoints(request, mode.endpoints, context);
      return { sandbox: { ...base, key, mode: "own", endpoints }, ...rest, unpublished: request.ports };
    }
  }
}

type Owner = Pick<SandboxRequest, "container" | "containerName" | "hostname">;

function newEndpoints(
  owner: Owner,
  requests: readonly EndpointRequest[],
  context: DesignContext,
): readonly Endpoint[] {
  const networks = requests.map((request) => context.ledger.find(request.network));
  requests.forEach((request, index) => {
    const network = networks[index];
    if (!network) return;
    checkEndpoint(network, request);
    const others = networks.filter((_, place) => place !== index);
    refuseCompany(network, owner.containerName, others);
  });
  const made: Endpoint[] = [];
  for (const [index, network] of networks.entries()) {
    const request = requests[index];
    if (request) made.push(newEndpoint(owner, network, request, made, context));
  }
  return made;
}

/** @throws invalid, forbidden: what a network does not go together with */
export function refuseCompany(network: Network, containerName: string, others: readonly Network[]): void {
  if (network.driver === "host") {
    throw invalid("container cannot be disconnected from host network or connected to host network");
  }
  if (others.some(({ id }) => id === network.id)) {
    throw forbidden(`endpoint with name ${containerName} already exists in network ${network.name}`);
  }
  if (others.length > 0 && [network, ...others].some(({ driver }) => driver === "null")) {
    throw invalid(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
}

/**
 * A new endpoint beside those that the sandbox has.
 * @throws conflict, forbidden, invalid for addresses; see `Driver.connect`
 */
export function newEndpoint(
  owner: Owner,
  network: Network,
  request: EndpointRequest,
  siblings: readonly Endpoint[],
  { ledger }: Pick<DesignContext, "ledger">,
): Endpoint {
  const { container, containerName, hostname } = owner;
  const unusable = ledger.unusable.get(network.id);
  if (unusable !== undefined) throw conflict(`network ${network.name} could not be made: ${unusable}`);
  const { aliases = [], linkLocal = [], links, driverOptions, gatewayPriority } = request;
  const wish = {
    ...request,
    taken: siblings.flatMap(({ interfaceName }) => interfaceName ?? []),
  };
  return {
    id: newId<EndpointID>(),
    network: network.id,
    networkName: network.name,
    container,
    containerName,
    ...drivers[network.driver].connect(network, ledger.holdersOf(network.id), wish),
    ...(linkLocal.length > 0 && { linkLocal: linkLocal.map(onLink) }),
    aliases,
    dnsNames: isUserDefined(network)
      ? dnsNames({ id: container, name: containerName, hostname }, aliases)
      : [],
    ...(links && links.length > 0 && { links }),
    ...(driverOptions && Object.keys(driverOptions).length > 0 && { driverOptions }),
    ...(gatewayPriority !== undefined && gatewayPriority !== 0 && { gatewayPriority }),
  };
}
