/** What stands against a bridge network on this host, who holds it, and what to do instead. */
import { conflict } from "../../lib/errors.ts";
import { formatAddress, formatPrefix, offset, overlaps, type Prefix, subnetOf } from "../../lib/ip.ts";
import type { HostState } from "../driver.ts";
import { BUILT_IN_POOLS, freeSubnet } from "../ipam/subnets.ts";
import type { AddressPool } from "../settings.ts";
import type { Network } from "../types.ts";
import { describeHolder } from "./holder.ts";
import { isOurs } from "./link.ts";
import { bridgeOptions } from "./options.ts";

const RTN_UNICAST = 1;
/** 0.0.0.0/1 and 128.0.0.0/1 are how VPNs write a default route. */
const SHORTEST = 2;

/** @throws conflict: a link of that name that isn't ours, or a route or address that overlaps the subnet */
export function refuseConflict(network: Network, facts: HostState): void {
  const { name, pool } = bridgeOptions(network);
  const link = facts.links.find((each) => each.name === name);
  if (link && !isOurs(network, link)) {
    throw conflict(
      `network ${network.name}: ${link.kind ?? "link"} ${name} is there already and not of this engine's making` +
        `${describeHolder(name)}: ${advice(facts)}`,
    );
  }
  const own = new Set(facts.links.filter((each) => isOurs(network, each)).map(({ ifindex }) => ifindex));
  const other = heldPrefixes(facts, own).find(({ prefix }) => overlaps(prefix, pool.subnet));
  if (other) {
    const holder = facts.links.find(({ ifindex }) => ifindex === other.ifindex)?.name;
    throw conflict(
      `network ${network.name}: ${formatPrefix(pool.subnet)} overlaps with ${other.what} ${formatPrefix(other.prefix)}` +
        `${holder === undefined ? "" : ` of link ${holder}${describeHolder(holder)}`}: ${advice(facts)}`,
    );
  }
}

interface Held {
  readonly what: "address" | "route";
  readonly prefix: Prefix;
  readonly ifindex: number | undefined;
}

/** What of the address space is held, by links other than our own. */
function heldPrefixes({ addresses, routes }: HostState, own: ReadonlySet<number>): readonly Held[] {
  const given = addresses.map(
    ({ address, ifindex }): Held => ({ what: "address", prefix: address, ifindex }),
  );
  const routed = routes.flatMap(({ to, type, ifindex }): Held[] =>
    type === RTN_UNICAST && to !== "default" && to.length >= SHORTEST
      ? [{ what: "route", prefix: to, ifindex }]
      : [],
  );
  return [...routed, ...given].filter(({ ifindex }) => ifindex === undefined || !own.has(ifindex));
}

/** High in Docker's own space first: its networks fill that from below. */
const ADVISED: readonly AddressPool[] = [
  { base: { address: { family: 4, bits: 0xac1e0000n }, length: 15 }, size: 16 },
  ...BUILT_IN_POOLS,
];

/** Flags with which the engine would start here. */
export function advice(facts: HostState): string {
  const names = new Set(facts.links.map(({ name }) => name));
  let number = 0;
  while (names.has(`db${number}`)) number += 1;
  const subnet = freeSubnet(
    ADVISED,
    heldPrefixes(facts, new Set()).map(({ prefix }) => subnetOf(prefix)),
  );
  const bip = subnet ? `${formatAddress(offset(subnet.address, 1n))}/${subnet.length}` : "<address>/<length>";
  return `start with --bridge db${number} --bip ${bip}`;
}
