/** Pools of a new network: those that are named, where nobody holds them, and others out of the engine's own. */
import { forbidden, invalid } from "../../lib/errors.ts";
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  overlaps,
  type Prefix,
  sameAddress,
} from "../../lib/ip.ts";
import { bridgeOptions } from "../bridge/options.ts";
import type { NetworkContext } from "../create.ts";
import { drivers } from "../drivers.ts";
import type { AddressPool } from "../settings.ts";
import type { Network, Pool } from "../types.ts";
import { allocate, hasRoomFor, reservedOf } from "./allocate.ts";
import { type Held, heldPrefixes } from "./held.ts";
import type { WantedPool } from "./request.ts";
import { BUILT_IN_POOLS, nextSubnet } from "./subnets.ts";

/** Of the engine's own prefix, each network has one of these. The first one is the default network's. */
const IPV6_SUBNET_LENGTH = 64;

/** The default network's IPv6 subnet, where its user names none: kept for it, whether or not it has IPv6 now. */
export const defaultSubnet6 = (ula: Prefix): Prefix => ({
  address: ula.address,
  length: IPV6_SUBNET_LENGTH,
});

/**
 * @param network without its pools
 * @param wanted of both families; one that names no subnet is of IPv4
 * @throws forbidden where a subnet overlaps, naming with what, or an address is taken; invalid where none is left
 */
export function designPools(
  network: Network,
  family: Family,
  wanted: readonly WantedPool[],
  context: NetworkContext,
): readonly Pool[] {
  const own = wanted.filter(({ subnet }) => (subnet?.address.family ?? 4) === family);
  const taken = takenBy(network, context);
  const pools: Pool[] = [];
  for (const each of own.length > 0 ? own : [{ auxiliary: {} }]) {
    const subnet =
      each.subnet ?? anySubnet(family, [...taken.map(({ prefix }) => prefix), ...subnetsOf(pools)], context);
    if (each.subnet) refuseOverlap(subnet, network, taken);
    const pool = fillPool(network, family, { ...each, subnet });
    pools.push(each.subnet ? pool : { ...pool, automatic: true });
  }
  return pools;
}

const subnetsOf = (pools: readonly Pool[]): readonly Prefix[] => pools.map(({ subnet }) => subnet);

interface Taken {
  readonly prefix: Prefix;
  /** For messages: `172.18.0.0/16 of network a`. */
  readonly what: () => string;
  readonly host: boolean;
}

/** What other networks have, and what the host has of itself. */
function takenBy(network: Network, { networks, facts }: NetworkContext): readonly Taken[] {
  const others = networks
    .filter(({ configOnly }) => !configOnly)
    .flatMap(({ name, ipam }) =>
      subnetsOf(ipam.pools).map(
        (prefix): Taken => ({
          prefix,
          what: () => `${formatPrefix(prefix)} of network ${name}`,
          host: false,
        }),
      ),
    );
  // A bridge that the user made may have an address in its subnet already.
  const bridge = network.driver === "bridge" ? bridgeOptions(network).name : undefined;
  const own = new Set(facts.links.filter(({ name }) => name === bridge).map(({ ifindex }) => ifindex));
  const describe = ({ what, prefix, ifindex }: Held): string => {
    const link = facts.links.find((each) => each.ifindex === ifindex);
    return `${what} ${formatPrefix(prefix)}${link ? ` of link ${link.name}` : ""}`;
  };
  const held = heldPrefixes(facts, own).map(
    (each): Taken => ({ prefix: each.prefix, what: () => describe(each), host: true }),
  );
  return [...others, ...held];
}

/** A macvlan network's subnet is that of the wire that it is on: the host is there as well. */
function refuseOverlap(subnet: Prefix, { driver }: Network, taken: readonly Taken[]): void {
  const other = taken.find(({ prefix, host }) => !(host && driver === "macvlan") && overlaps(prefix, subnet));
  if (!other) return;
  throw forbidden(
    `Pool overlaps with other one on this address space: ${formatPrefix(subnet)} with ${other.what()}`,
  );
}

function anySubnet(
  family: Family,
  used: readonly Prefix[],
  { settings, ula, spent }: NetworkContext,
): Prefix {
  const named = settings.defaultAddressPools.filter(({ base }) => base.address.family === family);
  const builtIn: readonly AddressPool[] =
    family === 4 ? BUILT_IN_POOLS : [{ base: ula, size: IPV6_SUBNET_LENGTH }];
  const subnet = nextSubnet(
    named.length > 0 ? named : builtIn,
    family === 4 ? used : [...used, defaultSubnet6(ula)],
    spent.filter(({ address }) => address.family === family),
  );
  if (!subnet) throw invalid("all predefined address pools have been fully subnetted");
  return subnet;
}

/** With a gateway, where the driver wants one: the lowest address that is free, as Docker has it. */
function fillPool(network: Network, family: Family, wanted: WantedPool & { readonly subnet: Prefix }): Pool {
  const { gateway: named, ...open } = wanted;
  const reserved = reservedOf({ subnet: open.subnet, auxiliary: {} });
  const isReserved = (address: Address) => reserved.some((each) => sameAddress(each, address));
  if (named && isReserved(named)) {
    throw forbidden(`failed to allocate gateway (${formatAddress(named)}): Address already in use`);
  }
  const given: Address[] = named ? [named] : [];
  for (const [name, address] of Object.entries(open.auxiliary)) {
    if (isReserved(address) || given.some((each) => sameAddress(each, address))) {
      throw forbidden(
        `failed to allocate secondary ip address (${name}:${formatAddress(address)}): Address already in use`,
      );
    }
    given.push(address);
  }
  if (!named && !drivers[network.driver].offersGateway(network, family)) return open;
  if (!hasRoomFor(open.subnet, 2)) {
    throw invalid(
      `invalid subnet ${formatPrefix(open.subnet)}: it is too small: beside the gateway it has no address for a container`,
    );
  }
  const gateway = named ?? allocate(open, []);
  if (!gateway) throw invalid("failed to allocate gateway (): no available addresses on this pool");
  return { ...open, gateway };
}
