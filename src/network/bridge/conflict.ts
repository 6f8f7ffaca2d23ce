/** What stands against a bridge network on this host, who holds it, and what to do instead. */
import { conflict } from "../../lib/errors.ts";
import { formatAddress, formatPrefix, offset, overlaps, subnetOf } from "../../lib/ip.ts";
import type { Link } from "../../linux/kernel.ts";
import type { HostState } from "../host-state.ts";
import { heldPrefixes } from "../ipam/held.ts";
import { BUILT_IN_POOLS, freeSubnet } from "../ipam/subnets.ts";
import { refuseIpv6 } from "../kernel-ipv6.ts";
import type { AddressPool } from "../settings.ts";
import type { Network } from "../types.ts";
import { describeHolder, isAnothers } from "./holder.ts";
import { isDrawbridges, isOurs } from "./link.ts";
import { bridgeOptions, OPTION } from "./options.ts";

/**
 * The default network's bridge must be ours, and its subnets nobody's. Another network's may be one that its user
 * made beforehand; its subnets were looked at when it was made.
 * @throws conflict: a link of that name that isn't ours, or a route or address that overlaps a subnet
 */
export function refuseConflict(network: Network, facts: HostState): void {
  const { name } = bridgeOptions(network);
  const isDefault = network.options[OPTION.defaultBridge] === "true";
  refuseIpv6(network);
  const link = facts.links.find((each) => each.name === name);
  if (link && !isOurs(network, link)) {
    if (isDefault) throw notOurs(network, link, advice(facts));
    if (link.kind !== "bridge") throw conflict(`existing interface ${name} is not a bridge`);
    if (isAnothers(name) || isDrawbridges(link)) {
      throw notOurs(network, link, `leave it to its owner, and pass another name as --opt ${OPTION.name}`);
    }
  }
  if (isDefault) refuseOverlap(network, facts);
}

const notOurs = (network: Network, { kind, name }: Link, fix: string) =>
  conflict(
    `network ${network.name}: ${kind ?? "link"} ${name} is there already and not of this engine's making` +
      `${describeHolder(name)}: ${fix}`,
  );

function refuseOverlap(network: Network, facts: HostState): void {
  const own = new Set(facts.links.filter((each) => isOurs(network, each)).map(({ ifindex }) => ifindex));
  const held = heldPrefixes(facts, own);
  for (const { subnet } of network.ipam.pools) {
    const other = held.find(({ prefix }) => overlaps(prefix, subnet));
    if (!other) continue;
    const holder = facts.links.find(({ ifindex }) => ifindex === other.ifindex)?.name;
    const fix =
      subnet.address.family === 4 ? advice(facts) : "start with --fixed-cidr-v6 or --bip6 of another subnet";
    throw conflict(
      `network ${network.name}: ${formatPrefix(subnet)} overlaps with ${other.what} ${formatPrefix(other.prefix)}` +
        `${holder === undefined ? "" : ` of link ${holder}${describeHolder(holder)}`}: ${fix}`,
    );
  }
}

/** High in Docker's own space first: its networks fill that from below. */
const ADVISED: readonly AddressPool[] = [
  { base: { address: { family: 4, bits: 0xac1e0000n }, length: 15 }, size: 16 },
  ...BUILT_IN_POOLS,
];

/** Flags with which the engine would start here. */
function advice(facts: HostState): string {
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
