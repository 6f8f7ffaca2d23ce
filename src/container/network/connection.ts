/**
 * Networks that a container joins and leaves, whatever state it is in. The record comes first, and holds what is
 * intended: what an engine's end cuts short is finished by the next one (agreement.ts).
 */
import { forbidden, invalid, notFound } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import { undoing } from "../../lib/undo.ts";
import type { Network } from "../../network/types.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import type { EndpointSettings } from "../types.ts";
import { type Endpoints, endpointRequest, networkMeant, networkReference } from "./endpoints.ts";
import { refuseShared } from "./sandbox-request.ts";

/** Now where it runs, else from its next start on. @throws as `Containers.connect`; then nothing has changed */
export function connect(
  context: Context,
  entry: Entry,
  reference: string,
  settings: EndpointSettings,
): Promise<void> {
  const { networks, registry } = context;
  return entry.mutex.run(async () => {
    refuseRemoved(context, entry);
    const { container } = entry;
    const { id, name } = networks.find(reference);
    const request = { ...endpointRequest(container, name, settings, registry), network: id };
    refuseShared(container.hostConfig.NetworkMode);
    networks.checkConnect(request, {
      name: container.name,
      networks: Object.entries(container.endpoints).map(([key, value]) => networkReference(key, value)),
    });
    const { NetworkID: _, ...own } = settings;
    const joined = entry.active ? { ...own, NetworkID: id } : own;
    await withEndpoints(context, entry, { ...container.endpoints, [name]: joined }, async () => {
      if (entry.active) await networks.connect(container.id, request);
    });
  });
}

/** @throws as `Containers.disconnect` */
export function disconnect(
  context: Context,
  entry: Entry,
  reference: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { networks } = context;
  return entry.mutex.run(async () => {
    refuseRemoved(context, entry);
    const { id, endpoints, hostConfig } = entry.container;
    // By force, one that is gone is left as well.
    const network = force ? networkMeant(reference, networks) : networks.find(reference);
    if (network?.driver === "host" && hostConfig.NetworkMode === "host") {
      throw invalid("container cannot be disconnected from host network or connected to host network");
    }
    const key = Object.keys(endpoints).find((name) =>
      network
        ? networkMeant(networkReference(name, endpoints[name] ?? {}), networks)?.id === network.id
        : name === reference || endpoints[name]?.NetworkID === reference,
    );
    if (key === undefined) {
      throw notFound(`container ${id} is not connected to network ${network?.name ?? reference}`);
    }
    const { [key]: _, ...rest } = endpoints;
    const isJoined = () =>
      networks.sandboxOf(id)?.endpoints.some((endpoint) => endpoint.network === network?.id) ?? false;
    await withEndpoints(
      context,
      entry,
      rest,
      async () => {
        if (network && entry.active && isJoined()) await networks.disconnect(id, network.id, { force });
        else if (network) tellDisconnected(context, id, network);
      },
      () => !isJoined(),
    );
  });
}

/** As Docker does of a container that does not run, too. */
function tellDisconnected({ publish }: Context, container: ContainerID, { id, name, driver }: Network): void {
  publish({
    type: "network",
    action: "disconnect",
    actor: { id, attributes: { container, name, type: driver } },
  });
}

/**
 * The record, then what it says. Where that fails, the record says again what it did, unless it has come true all
 * the same.
 */
function withEndpoints(
  { registry }: Context,
  entry: Entry,
  endpoints: Endpoints,
  carryOut: () => Promise<void>,
  hasComeTrue: () => boolean = () => false,
): Promise<void> {
  const before = entry.container.endpoints;
  return undoing(async (undo) => {
    undo.push("record its networks", () => registry.save(entry, { endpoints: before }));
    await registry.save(entry, { endpoints });
    try {
      await carryOut();
    } catch (thrown) {
      if (hasComeTrue()) undo.keep();
      throw thrown;
    }
  });
}

function refuseRemoved({ registry }: Context, { container }: Entry): void {
  const { id, state } = container;
  if (state.status === "removing" || state.status === "dead" || !registry.get(id)) {
    throw forbidden(
      `Container ${id} is marked for removal and cannot be connected or disconnected to the network`,
    );
  }
}

/** Of a container that there is no record of, an endpoint that is left. @throws not-found */
export async function forceDisconnect(
  { networks }: Context,
  container: string,
  reference: string,
): Promise<void> {
  const network = networks.find(reference);
  const endpoint = networks
    .endpointsOf(network.id)
    .find((each) => each.containerName === container || each.container === container);
  if (!endpoint) throw notFound(`endpoint ${container} not found`);
  await networks.disconnect(endpoint.container, network.id, { force: true });
}
