/** Published ports of sandboxes: taken where a network can carry them, led where they go, and given back. */
import { conflict, inContext, kindOf, messageOf, notFound } from "../../lib/errors.ts";
import { type Address, FAMILIES, type Family } from "../../lib/ip.ts";
import type { ConnectionFilter } from "../../linux/kernel.ts";
import { bridgeOptions } from "../bridge/options.ts";
import { addressOf } from "../family.ts";
import type { Entry } from "../ledger.ts";
import type { Context } from "../options.ts";
import { PROTOCOL_NUMBERS } from "../port/protocols.ts";
import { formatPort, isNamedBy } from "../port/requests.ts";
import { NO_HOST_PORT, type PortBinding, type PortLease, type PublishRequest } from "../port/types.ts";
import type { SandboxRecord } from "../state.ts";
import type { Endpoint, Network, Sandbox } from "../types.ts";
import { carrierOf } from "./gateway.ts";

/** The record with what it waits for published, where one of its networks can carry it, and the lease of that. */
export async function publishWaiting(
  context: Context,
  record: SandboxRecord,
): Promise<{ readonly record: SandboxRecord; readonly lease?: PortLease }> {
  const carrier = record.unpublished.length > 0 ? anyCarrier(context, record.sandbox) : undefined;
  if (!carrier) return { record };
  const { bindings, lease } = await take(context, record.sandbox, carrier, record.unpublished);
  const ports = [...record.sandbox.ports, ...bindings];
  const published = { ...record, unpublished: [], sandbox: { ...record.sandbox, ports } };
  return { record: published, ...(lease && { lease }) };
}

/** The record with more ports published. @throws conflict where no network of it can carry them */
export async function publishMore(
  context: Context,
  record: SandboxRecord,
  requests: readonly PublishRequest[],
): Promise<{ readonly record: SandboxRecord } & Taken> {
  const { sandbox } = record;
  const carrier = anyCarrier(context, sandbox);
  if (!carrier) throw conflict(`container ${sandbox.container} is on no network that can publish its ports`);
  const taken = await take(context, sandbox, carrier, requests).catch((thrown: unknown) => {
    // At a start, Docker calls it a failure of its own; here it is the one thing that was asked for.
    throw kindOf(thrown) === "internal" ? conflict(messageOf(thrown), thrown) : thrown;
  });
  const ports = [...sandbox.ports, ...taken.bindings];
  return { record: { ...record, sandbox: { ...sandbox, ports } }, ...taken };
}

/** What was published, and the lease of the host ports that stand for it. */
interface Taken {
  readonly bindings: readonly PortBinding[];
  /** Absent where no host port does: all of it is routed. */
  readonly lease?: PortLease;
}

const anyCarrier = ({ ledger }: Context, sandbox: Sandbox): Endpoint | undefined =>
  carrierOf(sandbox, 4, ledger.networkOf) ?? carrierOf(sandbox, 6, ledger.networkOf);

/**
 * Ports of a family that is routed are open at the container's own address: no port of the host's stands for them.
 * @throws in Docker's words, that name the endpoint
 */
async function take(
  { ledger, ports, logger }: Context,
  sandbox: Sandbox,
  carrier: Endpoint,
  requests: readonly PublishRequest[],
): Promise<Taken> {
  const { hostBindings } = bridgeOptions(ledger.networkOf(carrier));
  const way = { 4: wayIn(ledger, sandbox, 4), 6: wayIn(ledger, sandbox, 6) };
  const goes = (how: WayIn) => (address: Address) => way[address.family] === how;
  const direct = requests.flatMap(({ protocol, port, hostAddress }) =>
    (hostAddress ? [hostAddress] : hostBindings)
      .filter(goes("direct"))
      .map((address): PortBinding => ({ protocol, port, hostAddress: address, hostPort: NO_HOST_PORT })),
  );
  const defaults = hostBindings.filter(goes("host"));
  const held = requests.filter(({ hostAddress }) =>
    hostAddress ? goes("host")(hostAddress) : defaults.length > 0,
  );
  if (held.length === 0) return { bindings: direct };
  const what = `driver failed programming external connectivity on endpoint ${carrier.containerName} (${carrier.id})`;
  try {
    const lease = await ports.take(held, defaults);
    for (const warning of lease.warnings) logger.warn({ container: carrier.container }, warning);
    return { bindings: [...lease.bindings, ...direct], lease };
  } catch (thrown) {
    throw inContext(what, thrown);
  }
}

/** At a port of the host's, at the container's own address, or not at all. */
type WayIn = "host" | "direct" | "none";

/** How a published port is entered by a family. One that the container lacks is led to the other by the relay. */
function wayIn(ledger: Context["ledger"], sandbox: Sandbox, family: Family): WayIn {
  const own = carrierOf(sandbox, family, ledger.networkOf);
  const other = own ? undefined : carrierOf(sandbox, family === 4 ? 6 : 4, ledger.networkOf);
  const through = (carrier: Endpoint | undefined, of: Family): WayIn => {
    if (!carrier) return "none";
    const network = ledger.networkOf(carrier);
    if (isTranslated(network, of)) return "host";
    return isRouted(network, of) ? "direct" : "none";
  };
  if (own) return through(own, family);
  return through(other, family === 4 ? 6 : 4) === "host" ? "host" : "none";
}

/**
 * Where the relay leads what the kernel can't translate. Not to a family that is routed: its ports are open at the
 * container's own address, and no port of the host's stands for them.
 */
export function lead({ ledger }: Context, { record, leases }: Entry): void {
  const [four, six] = FAMILIES.map((family) => {
    const carrier = carrierOf(record.sandbox, family, ledger.networkOf);
    return carrier && isTranslated(ledger.networkOf(carrier), family) ? carrier : undefined;
  });
  const target = {
    ...(four?.address && { address4: four.address.address }),
    ...(six?.address6 && { address6: six.address6.address }),
  };
  for (const lease of leases) lease.lead(four || six ? target : undefined);
}

const isRouted = (network: Network, family: Family): boolean =>
  bridgeOptions(network).families.some((of) => of.family === family && of.mode === "routed");

const isTranslated = (network: Network, family: Family): boolean =>
  bridgeOptions(network).families.some((of) => of.family === family && of.translated);

/** Bindings that requests name: by host port and address where they say one, else all of the container's port. */
export function bindingsNamed(sandbox: Sandbox, requests: readonly PublishRequest[]): readonly PortBinding[] {
  const byPort = Map.groupBy(sandbox.ports, formatPort);
  return requests.flatMap((request) => {
    const port = formatPort(request);
    const named = (byPort.get(port) ?? []).filter((binding) => isNamedBy(binding, request));
    if (named.length === 0) {
      throw notFound(`no public port '${port}' published for ${sandbox.container}`);
    }
    return named;
  });
}

/**
 * Tracked connections that go on by an old translation after it has changed: of UDP, where peers never part, those
 * at the host's ports; with an endpoint that goes, all that were led to it.
 */
export async function forgetConnections(
  { kernel }: Context,
  bindings: readonly PortBinding[],
  gone: readonly Endpoint[] = [],
): Promise<void> {
  const filters: ConnectionFilter[] = bindings
    .filter(({ protocol, hostPort }) => protocol === "udp" && hostPort !== NO_HOST_PORT)
    .map(atHostPort);
  for (const { address, address6 } of bindings.length > 0 ? gone : []) {
    if (address) filters.push({ family: 4, replySource: address.address });
    if (address6) filters.push({ family: 6, replySource: address6.address });
  }
  if (filters.length > 0) await kernel.forgetConnections(filters);
}

/** All that go through these. */
export async function cutConnections(
  { kernel, ledger }: Context,
  sandbox: Sandbox,
  bindings: readonly PortBinding[],
): Promise<void> {
  const filters = bindings.map((binding): ConnectionFilter => {
    const { hostAddress, hostPort, protocol, port } = binding;
    if (hostPort !== NO_HOST_PORT) return atHostPort(binding);
    const { family } = hostAddress;
    const carrier = carrierOf(sandbox, family, ledger.networkOf);
    const own = carrier && addressOf(carrier, family);
    return {
      family,
      protocol: PROTOCOL_NUMBERS[protocol],
      originalPort: port,
      ...(own && { originalDestination: own }),
    };
  });
  await kernel.forgetConnections(filters);
}

const atHostPort = ({ protocol, hostAddress, hostPort }: PortBinding): ConnectionFilter => ({
  family: hostAddress.family,
  protocol: PROTOCOL_NUMBERS[protocol],
  originalPort: hostPort,
  ...(hostAddress.bits !== 0n && { originalDestination: hostAddress }),
});
