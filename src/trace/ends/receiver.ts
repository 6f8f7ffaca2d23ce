/** Whom a packet is for, and at which address: of several, the one that its sender would use. */
import { isName } from "../../lib/dns-question.ts";
import { invalid, notFound } from "../../lib/errors.ts";
import {
  type Address,
  contains,
  type Family,
  formatAddress,
  sameAddress,
  subnetOf,
  tryParseAddress,
} from "../../lib/ip.ts";
import { nearest } from "../../lib/nearest.ts";
import { hostOf } from "../../observe/lookup.ts";
import type { EngineNetwork, Namespace, Topology } from "../../observe/types.ts";
import type { End } from "../types.ts";
import { refuseMany, refuseZone } from "./many.ts";
import { type Resolve, resolveFrom } from "./names.ts";
import {
  addressBetween,
  findPlace,
  ownerOf,
  type Place,
  reachableAddresses,
  unknownPlace,
} from "./places.ts";
import { gatewayOf, uplinkOf } from "./uplink.ts";
import type { Asked } from "./words.ts";

/** Who sends. */
export interface Sender {
  readonly end: End;
  /** Whose resolver and routes count; of a stranger the host's resolver. */
  readonly namespace?: Namespace;
  readonly source?: Address;
  readonly stranger: boolean;
}

export interface ReceiverOptions {
  /** The network whose address is meant. */
  readonly network?: string;
  readonly family?: Family;
  /** How names are resolved; by default as the system's own resolver in that namespace would. */
  readonly resolve?: Resolve;
}

/** A name that has no address where it was asked for: an answer to the question, and no fault of the asker's. */
export class UnresolvedError extends Error {
  override readonly name = "UnresolvedError";
}

const LOOPBACK: Readonly<Record<Family, Address>> = {
  4: { family: 4, bits: 0x7f000001n },
  6: { family: 6, bits: 1n },
};

export interface Receiver {
  readonly end: End;
  readonly address: Address;
}

/** @throws EngineError not-found, invalid; UnresolvedError */
export async function receiverOf(
  topology: Topology,
  sender: Sender,
  asked: Asked,
  options: ReceiverOptions,
): Promise<Receiver> {
  const { family } = options;
  refuseZone(asked.name);
  const address = tryParseAddress(asked.name);
  if (address) {
    if (family !== undefined && address.family !== family) {
      throw invalid(`${asked.name} is an IPv${address.family} address, and IPv${family} is asked for`);
    }
    refuseMany(sender, address);
    return receiverAt(topology, sender, asked.name, address);
  }
  if (asked.name === "host") return hostAsSeen(topology, sender, family);
  const place = findPlace(topology, asked.name);
  if (place) return placeAsSeen(topology, sender, place, options);
  if (asked.name === "outside") return outsideAsSeen(topology, family);
  if (!isName(asked.name)) {
    const besides = ", and it is neither an address nor a name that DNS could have";
    throw notFound(unknownPlace(topology, asked.name, besides));
  }
  const resolver = sender.namespace ?? hostOf(topology);
  const resolved = await (options.resolve ?? resolveFrom)(resolver, asked.name, family);
  if ("address" in resolved) {
    const label = `${asked.name} (${formatAddress(resolved.address)}, says ${resolved.by})`;
    return receiverAt(topology, sender, label, resolved.address);
  }
  // A word without dots was more likely meant for a container.
  if (!asked.name.includes("."))
    throw notFound(
      unknownPlace(topology, asked.name, `, nor is it a name for ${sender.end.label}: ${resolved.why}`),
    );
  throw new UnresolvedError(`${asked.name} has no address for ${sender.end.label}: ${resolved.why}`);
}

/** Who connects to 0.0.0.0 or :: speaks with himself, ip(7). */
const ownWhereUnspecified = (sender: Sender, address: Address): Address =>
  address.bits === 0n && sender.namespace ? LOOPBACK[address.family] : address;

function receiverAt(topology: Topology, sender: Sender, label: string, named: Address): Receiver {
  const address = ownWhereUnspecified(sender, named);
  const loopback = sender.namespace && sameLoopback(address) ? sender.namespace : undefined;
  const owner = loopback ?? ownerOf(topology, address, sender.namespace);
  return { address, end: { label, ...(owner && { namespace: owner.id }) } };
}

const sameLoopback = (address: Address): boolean =>
  address.family === 4 ? address.bits >> 24n === 127n : sameAddress(address, LOOPBACK[6]);

/** The host at the address that the sender would call it by: its gateway, where that is the host's. */
function hostAsSeen(topology: Topology, sender: Sender, family: Family | undefined): Receiver {
  const host = hostOf(topology);
  const end = { label: "host", namespace: host.id };
  if (sender.namespace === host) return { end, address: LOOPBACK[family ?? sender.source?.family ?? 4] };
  const own = (address: Address | undefined) =>
    address && host.addresses.some((one) => sameAddress(one.address.address, address)) ? address : undefined;
  const families: readonly Family[] = family === undefined ? [4, 6] : [family];
  const gateways = sender.namespace
    ? families.map((one) => sender.namespace && gatewayOf(sender.namespace, one))
    : [];
  const address =
    gateways.map(own).find(Boolean) ??
    uplinkAddress(topology, sender, family) ??
    addressBetween(sender.namespace, host, family);
  if (!address) throw notFound(`the host has no address${family === undefined ? "" : ` of IPv${family}`}`);
  return { end, address };
}

/** What who comes from outside knows the host by. */
function uplinkAddress(topology: Topology, sender: Sender, family: Family | undefined): Address | undefined {
  if (!sender.stranger) return undefined;
  const uplink = uplinkOf(topology, family ?? sender.source?.family ?? 4);
  return reachableAddresses(hostOf(topology), family).find(({ ifindex }) => ifindex === uplink?.link.ifindex)
    ?.address.address;
}

function placeAsSeen(topology: Topology, sender: Sender, place: Place, options: ReceiverOptions): Receiver {
  const { family, network } = options;
  const end = { label: place.label, namespace: place.namespace.id };
  const wanted = family ?? sender.source?.family;
  if (network !== undefined) return { end, address: addressOn(topology, place, network, wanted) };
  if (place.namespace === sender.namespace) return { end, address: LOOPBACK[wanted ?? 4] };
  const address = addressBetween(sender.namespace, place.namespace, wanted) ?? addressToBe(place, wanted);
  if (address) return { end, address };
  const kind = wanted === undefined ? "" : ` of IPv${wanted}`;
  throw notFound(`${place.label} has no address${kind}: nothing can be sent there`);
}

/** The one that its engine gave it, where it has none any more: what becomes of a packet to there is worth knowing. */
const addressToBe = ({ container }: Place, family: Family | undefined): Address | undefined =>
  container?.endpoints
    .flatMap(({ addresses }) => addresses)
    .find(({ address }) => family === undefined || address.family === family)?.address;

/** @throws not-found */
function addressOn(topology: Topology, place: Place, name: string, family: Family | undefined): Address {
  const endpoints = place.container?.endpoints ?? [];
  const known = endpoints.find(({ network }) => network === name)?.addresses;
  const network = topology.engines.flatMap(({ networks }) => networks).find((one) => one.name === name);
  const found = (known ?? inSubnets(place.namespace, network)).find(
    ({ address }) => family === undefined || address.family === family,
  );
  if (found) return found.address;
  const guess = nearest(
    name,
    endpoints.map((one) => one.network),
  );
  const kind = family === undefined ? "" : ` of IPv${family}`;
  throw notFound(
    `${place.label} has no address${kind} on network ${name}${guess === undefined || guess === name ? "" : `; did you mean ${guess}?`}`,
  );
}

const inSubnets = (namespace: Namespace, network: EngineNetwork | undefined) =>
  reachableAddresses(namespace)
    .map(({ address }) => address)
    .filter(({ address }) => network?.subnets.some(({ subnet }) => contains(subnetOf(subnet), address)));

/** The nearest that is not here: the gateway of the host's default route. */
function outsideAsSeen(topology: Topology, family: Family | undefined): Receiver {
  const families: readonly Family[] = family === undefined ? [4, 6] : [family];
  const uplinks = families.map((one) => uplinkOf(topology, one));
  const uplink = uplinks.find((one) => one?.gateway);
  if (!uplink?.gateway) {
    throw notFound("the host has no default gateway, so outside is nowhere: name an address instead");
  }
  const owner = uplink.beyond;
  return {
    address: uplink.gateway,
    end: { label: `outside (${formatAddress(uplink.gateway)})`, ...(owner && { namespace: owner.id }) },
  };
}
