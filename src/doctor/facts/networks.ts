/** Engines' networks as the kernel has them, and containers' attachments to them. */
import { type Address, contains, sameAddress } from "../../lib/ip.ts";
import { memoBy } from "../../lib/memo.ts";
import { BR_STATE_FORWARDING } from "../../linux/rtnetlink/port-state.ts";
import { RT_TABLE, RTN } from "../../linux/rtnetlink/route-numbers.ts";
import type { EngineEndpoint } from "../../observe/engines/types.ts";
import { linkAt } from "../../observe/place.ts";
import type { Engine, EngineNetwork, Namespace, ObservedLink } from "../../observe/types.ts";
import type { Patient, Resident } from "../types.ts";
import { segmentsOf } from "./segments.ts";

export interface Network {
  readonly engine: Engine;
  readonly network: EngineNetwork;
  /** Undefined where it is not there. */
  readonly bridge: ObservedLink | undefined;
  /** Of those that are asked about, the ones that are on it. */
  readonly residents: readonly Resident[];
}

// Found once a patient: most checks ask, and there may be a thousand containers.

/** Bridge networks: all, or those of the container that is asked about. */
export const bridgeNetworks: (patient: Patient) => readonly Network[] = memoBy(findNetworks);

function findNetworks(patient: Patient): readonly Network[] {
  const { topology, host, container, containers } = patient;
  return topology.engines.flatMap((engine) =>
    engine.networks
      .filter(({ driver }) => driver === "bridge")
      .map((network) => ({
        engine,
        network,
        bridge: host.links.find(({ name }) => name === network.bridge),
        residents: containers.filter(
          ({ of }) => of.engine === engine.kind && of.endpoints.some((endpoint) => isOn(endpoint, network)),
        ),
      }))
      .filter(({ residents }) => container === undefined || residents.length > 0),
  );
}

const isOn = ({ network, networkId }: EngineEndpoint, { name, id }: EngineNetwork): boolean =>
  networkId === "" ? network === name : networkId === id;

/** Where the host has no part in where its packets go: `isolated` of Docker and Drawbridge has no gateway. */
export const isIsolated = ({ options }: EngineNetwork): boolean =>
  Object.entries(options).some(([key, value]) => /gateway_mode/.test(key) && value === "isolated");

/** Whether the host's bridge is without an IPv4 address by wish. */
export const inhibits4 = ({ options }: EngineNetwork): boolean =>
  Object.entries(options).some(([key, value]) => /inhibit_ipv4$/.test(key) && value === "true");

/** A container's link on a bridge network. */
export interface Attachment {
  readonly resident: Resident;
  readonly endpoint: EngineEndpoint;
  readonly network: Network;
  /** In the container's namespace; undefined where there is none. */
  readonly link: ObservedLink | undefined;
  /** The host's end of the pair. */
  readonly port: ObservedLink | undefined;
}

/** Those of containers with a namespace of their own: who shares one has no links of his own. */
export const attachmentsOf: (patient: Patient) => readonly Attachment[] = memoBy(findAttachments);

function findAttachments(patient: Patient): readonly Attachment[] {
  return bridgeNetworks(patient).flatMap((network) =>
    network.residents.flatMap((resident) => {
      const endpoint = resident.of.endpoints.find((one) => isOn(one, network.network));
      if (!endpoint || resident.namespace.host) return [];
      const link = linkOf(patient, resident.namespace, endpoint, network);
      return [{ resident, endpoint, network, link, port: portOf(patient.host, link, resident.namespace) }];
    }),
  );
}

/** The link with the endpoint's address, or its MAC, or else one that hears the network's bridge. */
function linkOf(
  { topology }: Patient,
  namespace: Namespace,
  { addresses, mac }: EngineEndpoint,
  { bridge }: Network,
): ObservedLink | undefined {
  const ours = addresses.map(({ address }) => address);
  const withAddress = namespace.addresses.find(({ address }) =>
    ours.some((one) => sameAddress(one, address.address)),
  );
  const segments = segmentsOf(topology);
  const hears = ({ ifindex }: ObservedLink) =>
    bridge !== undefined && segments.of({ namespace: namespace.id, ifindex })?.bridge === bridge;
  return (
    namespace.links.find(({ ifindex }) => ifindex === withAddress?.ifindex) ??
    (mac === undefined ? undefined : namespace.links.find((link) => link.mac === mac)) ??
    namespace.links.find((link) => !link.loopback && hears(link))
  );
}

/** A pair's two ends name each other. */
function portOf(host: Namespace, link: ObservedLink | undefined, home: Namespace): ObservedLink | undefined {
  if (link?.kind !== "veth" || !link.other) return undefined;
  const port = linkAt(host, link.other.ifindex);
  return port?.other?.ifindex === link.ifindex && port.other.namespace === home.id ? port : undefined;
}

/** Drawbridge lets nobody speak with a MAC that is not his; other engines don't look. */
export const isMasked = ({ resident, endpoint, network, link }: Attachment): boolean =>
  resident.of.engine === "drawbridge" &&
  network.network.options["drawbridge.spoof-guard"] !== "false" &&
  link?.mac !== undefined &&
  endpoint.mac !== undefined &&
  link.mac !== endpoint.mac;

/** Whether the wire between container and bridge is whole: what is broken there is told as what it is, and not as what it leads to. */
export function isWired(attachment: Attachment, host: Namespace): boolean {
  const { resident, link, port, network, endpoint } = attachment;
  const { bridge } = network;
  if (isMasked(attachment)) return false;
  if (!link?.up || !bridge?.up || (port && (!port.up || port.master !== bridge.ifindex))) return false;
  if (port?.port !== undefined && port.port.state !== BR_STATE_FORWARDING) return false;
  return endpoint.addresses.every(
    ({ address }) =>
      resident.namespace.addresses.some((one) => sameAddress(one.address.address, address)) &&
      (isIsolated(network.network) || leadsBy(host, bridge, address)),
  );
}

/** The host's best route there, by the main table: without an address of the subnet it has none, and a VPN may have a better one. */
function leadsBy({ routes }: Namespace, bridge: ObservedLink, address: Address): boolean {
  const [best] = routes
    .filter(({ table, type, to }) => table === RT_TABLE.main && type === RTN.unicast && contains(to, address))
    .toSorted((a, b) => b.to.length - a.to.length || a.metric - b.metric);
  return best?.hops.some(({ ifindex }) => ifindex === bridge.ifindex) ?? false;
}

export const wiredAttachments: (patient: Patient) => readonly Attachment[] = memoBy((patient: Patient) =>
  attachmentsOf(patient).filter((one) => isWired(one, patient.host)),
);
