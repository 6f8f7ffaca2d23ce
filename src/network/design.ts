/** A sandbox as it shall be, made of what is asked and what there is. Pure but for the ids that it draws. */
import { conflict, forbidden, invalid, notFound } from "../lib/errors.ts";
import { type EndpointID, newId, type SandboxID } from "../lib/ids.ts";
import type { Address } from "../lib/ip.ts";
import { drivers } from "./drivers.ts";
import { HOST_GATEWAY, parseExtraHost } from "./files/hosts.ts";
import { checkEndpoint } from "./request.ts";
import { hostNetnsPath, netnsPath } from "./sandbox.ts";
import type { SandboxRecord } from "./state.ts";
import type { Endpoint, EndpointRequest, Network, SandboxRequest } from "./types.ts";

/** A record before its files are composed. */
export type SandboxDesign = Omit<SandboxRecord, "resolvConf">;

export interface DesignContext {
  readonly networks: readonly Network[];
  /** All that have addresses, those on their way up or down included. */
  readonly records: readonly SandboxRecord[];
  /** Of a running container. */
  readonly running: (container: SandboxRequest["container"]) => SandboxRecord | undefined;
  readonly hostGateway: Address | undefined;
  readonly execRoot: string;
}

/** @throws not-found for a network; conflict; invalid, forbidden in Docker's words */
export function designSandbox(request: SandboxRequest, context: DesignContext): SandboxDesign {
  const { container, containerName, mode } = request;
  const { directory, hostname, domainname, dns, dnsSearch, dnsOptions, extraHosts } = request;
  if (!context.hostGateway && extraHosts.some((host) => parseExtraHost(host).address === HOST_GATEWAY)) {
    throw invalid("unable to derive the IP value for host-gateway: there is no default bridge network");
  }
  const files = { directory, hostname, domainname, dns, dnsSearch, dnsOptions, extraHosts };
  const id = newId<SandboxID>();
  const owner = { container, containerName };
  switch (mode.kind) {
    case "container": {
      const shared = context.running(mode.container);
      if (!shared) throw conflict(`cannot join network of a non running container: ${mode.container}`);
      const { key } = shared.sandbox;
      return {
        sandbox: { id, container, key, mode: "shared", endpoints: [] },
        files,
      };
    }
    case "host": {
      const key = hostNetnsPath(context.execRoot);
      const endpoints = [newEndpoint(owner, findNetwork(context.networks, "host"), {}, context)];
      return { sandbox: { id, container, key, mode: "host", endpoints }, files };
    }
    case "own": {
      const key = netnsPath(context.execRoot, id);
      const endpoints = newEndpoints(owner, mode.endpoints, context);
      return { sandbox: { id, container, key, mode: "own", endpoints }, files };
    }
  }
}

type Owner = Pick<SandboxRequest, "container" | "containerName">;

function newEndpoints(
  owner: Owner,
  requests: readonly EndpointRequest[],
  context: DesignContext,
): readonly Endpoint[] {
  const wanted = requests.map((request) => ({
    request,
    network: findNetwork(context.networks, request.network),
  }));
  for (const { request, network } of wanted) {
    checkEndpoint(network, request);
    if (network.driver === "host") {
      throw invalid("container cannot be disconnected from host network or connected to host network");
    }
    if (network.driver === "null" && wanted.length > 1) {
      throw invalid(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
      );
    }
    if (wanted.filter((other) => other.network === network).length > 1) {
      throw forbidden(`endpoint with name ${owner.containerName} already exists in network ${network.name}`);
    }
  }
  return wanted.map(({ request: { mac }, network }) =>
    newEndpoint(owner, network, mac ? { mac } : {}, context),
  );
}

function newEndpoint(
  owner: Owner,
  network: Network,
  wish: Pick<Endpoint, "mac">,
  { records }: DesignContext,
): Endpoint {
  const others = records.flatMap(({ sandbox }) =>
    sandbox.endpoints.filter((endpoint) => endpoint.network === network.id),
  );
  return {
    id: newId<EndpointID>(),
    network: network.id,
    networkName: network.name,
    ...owner,
    ...drivers[network.driver].connect(network, others, wish),
    aliases: [],
    dnsNames: [],
  };
}

/** By id, name, or unambiguous prefix of an id. @throws not-found, invalid */
export function findNetwork(networks: readonly Network[], reference: string): Network {
  const exact =
    networks.find(({ id }) => id === reference) ?? networks.find(({ name }) => name === reference);
  if (exact) return exact;
  const matches = networks.filter(({ id }) => reference !== "" && id.startsWith(reference));
  if (matches.length > 1) {
    throw invalid(`network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`);
  }
  if (!matches[0]) throw notFound(`network ${reference} not found`);
  return matches[0];
}
