/** The networks that are always there. */
import { invalid } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type NetworkID, newId } from "../lib/ids.ts";
import {
  type Address,
  contains,
  firstOf,
  formatAddress,
  formatPrefix,
  lastOf,
  offset,
  type Prefix,
  sameAddress,
  subnetOf,
} from "../lib/ip.ts";
import { DEFAULT_GATEWAY, OPTION } from "./bridge/options.ts";
import { BUILT_IN_POOLS, subnetsOf } from "./ipam/subnets.ts";
import type { BridgeSettings, NetworkSettings } from "./settings.ts";
import type { DriverName, Network, Pool } from "./types.ts";

const DEFAULT_NETWORKS = ["bridge", "host", "none"] as const;

export const isDefault = (network: Network): boolean =>
  (DEFAULT_NETWORKS as readonly string[]).includes(network.name);

/**
 * The default networks as the settings want them; those known from before keep their id and birth.
 * @throws invalid for settings that contradict one another
 */
export function defaultNetworks(settings: NetworkSettings, known: readonly Network[]): Network[] {
  const plain = (name: string, driver: DriverName): Network => {
    const before = known.find((network) => network.name === name);
    return {
      id: before?.id ?? newId<NetworkID>(),
      name,
      driver,
      created: before?.created ?? formatTime(nowNanoseconds()),
      internal: false,
      attachable: false,
      ipv4: true,
      ipv6: false,
      ipam: { driver: "default", options: {}, pools: [] },
      options: {},
      labels: {},
    };
  };
  const { name } = settings.bridge;
  const bridge: Network[] =
    name === undefined
      ? []
      : [
          {
            ...plain("bridge", "bridge"),
            ipam: { driver: "default", options: {}, pools: [bridgePool(settings)] },
            options: bridgeNetworkOptions(name, settings),
          },
        ];
  return [...bridge, plain("host", "host"), plain("none", "null")];
}

function bridgeNetworkOptions(name: string, { bridge, ipMasq }: NetworkSettings): Record<string, string> {
  if (!/^[\w][\w.-]{0,14}$/.test(name)) throw invalid(`--bridge ${name}: not a name for a link`);
  return {
    [OPTION.defaultBridge]: "true",
    [OPTION.icc]: String(bridge.icc),
    [OPTION.masquerade]: String(ipMasq),
    [OPTION.hostBinding]: formatAddress(bridge.hostBindingIp),
    [OPTION.name]: name,
    [OPTION.mtu]: String(bridge.mtu),
  };
}

function bridgePool({ bridge, defaultAddressPools }: NetworkSettings): Pool {
  const own =
    bridge.bip ?? firstAddress(defaultAddressPools.length > 0 ? defaultAddressPools : BUILT_IN_POOLS);
  const subnet = subnetOf(own);
  const what = `--bip ${formatPrefix(own)}`;
  if (own.address.family !== 4 || own.length > 30) throw invalid(`${what}: no IPv4 subnet for containers`);
  if (sameAddress(own.address, firstOf(own)) || sameAddress(own.address, lastOf(own))) {
    throw invalid(`${what}: the address of the subnet itself, not of a host in it`);
  }
  return {
    subnet,
    gateway: own.address,
    ...(bridge.fixedCidr && { range: rangeOf(bridge.fixedCidr, subnet) }),
    auxiliary: gatewayOf(bridge, own, subnet),
  };
}

function firstAddress(pools: NetworkSettings["defaultAddressPools"]): Prefix {
  for (const subnet of subnetsOf(pools)) {
    if (subnet.address.family === 4) return { address: offset(subnet.address, 1n), length: subnet.length };
  }
  throw invalid("no IPv4 subnet in the default address pools");
}

function rangeOf(fixed: Prefix, subnet: Prefix): Prefix {
  if (fixed.length < subnet.length || !contains(subnet, fixed.address)) {
    throw invalid(`--fixed-cidr ${formatPrefix(fixed)}: not within the subnet ${formatPrefix(subnet)}`);
  }
  return subnetOf(fixed);
}

function gatewayOf({ defaultGateway }: BridgeSettings, own: Prefix, subnet: Prefix): Record<string, Address> {
  if (!defaultGateway || sameAddress(defaultGateway, own.address)) return {};
  if (!contains(subnet, defaultGateway)) {
    throw invalid(
      `--default-gateway ${formatAddress(defaultGateway)}: not within the subnet ${formatPrefix(subnet)}`,
    );
  }
  return { [DEFAULT_GATEWAY]: defaultGateway };
}
