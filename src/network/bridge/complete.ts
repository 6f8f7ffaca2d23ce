/** What a bridge network may be. */
import { forbidden, invalid } from "../../lib/errors.ts";
import { formatPrefix, overlaps, type Prefix } from "../../lib/ip.ts";
import type { Network } from "../types.ts";
import { bridgeOptions, DEFAULT_GATEWAY, DEFAULT_GATEWAY6 } from "./options.ts";

const LINK_LOCAL: Prefix = { address: { family: 6, bits: 0xfe80n << 112n }, length: 10 };

/** @throws invalid, forbidden in Docker's words */
export function completeBridge(network: Network, others: readonly Network[]): Network {
  const { families, name } = bridgeOptions(network);
  if (families.length === 0) throw invalid("IPv4 or IPv6 must be enabled");
  for (const { family, mode, pools } of families) {
    if (pools.length === 0) throw invalid(`ipv${family} pool is empty`);
    if (mode === "isolated" && !network.internal) {
      throw invalid("gateway mode 'isolated' can only be used for an internal network");
    }
  }
  for (const { subnet, auxiliary } of network.ipam.pools) {
    if (overlaps(subnet, LINK_LOCAL)) {
      throw invalid(`'${formatPrefix(subnet)}' clashes with the Link-Local prefix 'fe80::/64'`);
    }
    if (network.internal && (auxiliary[DEFAULT_GATEWAY] || auxiliary[DEFAULT_GATEWAY6])) {
      throw invalid("no gateway can be set on an internal bridge network");
    }
  }
  for (const other of others) {
    if (other.driver !== "bridge" || other.configOnly || other.id === network.id) continue;
    if (bridgeOptions(other).name !== name) continue;
    throw forbidden(
      `cannot create network ${network.id} (${name}): conflicts with network ${other.id} (${name}): networks have same bridge name`,
    );
  }
  return network;
}
