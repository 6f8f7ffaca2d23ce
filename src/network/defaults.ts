/** The networks that are always there. */
import { internal, invalid } from "../lib/errors.ts";
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
import { DEFAULT_GATEWAY, DEFAULT_GATEWAY6, OPTION } from "./bridge/options.ts";
import { hasRoomFor } from "./ipam/allocate.ts";
import { defaultSubnet6 } from "./ipam/design.ts";
import { BUILT_IN_POOLS, subnetsOf } from "./ipam/subnets.ts";
import { isLinkName } from "./option-values.ts";
import type { BridgeSettings, NetworkSettings } from "./settings.ts";
import type { DriverName, Network, Pool } from "./types.ts";

const DEFAULT_NETWORKS: readonly string[] = ["bridge", "host", "none"];

/** Whether a network of this name is one of those; none of one's own can have it. */
export const isDefaultName = (name: string): boolean => DEFAULT_NETWORKS.includes(name);

export const isDefault = ({ name }: Network): boolean => isDefaultName(name);

/** Its sandboxes have the embedded DNS. */
export const isUserDefined = (network: Network): boolean => !isDefault(network);

/**
 * The default networks as the settings want them; those known from before keep their id and birth.
 * @param ula the engine's own unique local prefix: the default network's IPv6 subnet comes from it where none is named
 * @throws invalid for settings that contradict one another
 */
export function defaultNetworks(
  settings: NetworkSettings,
  known: readonly Network[],
  ula?: Prefix,
): Network[] {
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
      ipam: { driver: "default", options: null, pools: [] },
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
            ipv6: settings.bridge.ipv6,
            ipam: { driver: "default", options: null, pools: bridgePools(settings, ula) },
            options: bridgeNetworkOptions(name, settings),
          },
        ];
  return [...bridge, plain("host", "host"), plain("none", "null")];
}

function bridgeNetworkOptions(name: string, { bridge, ipMasq }: NetworkSettings): Record<string, string> {
  if (!isLinkName(name)) throw invalid(`--bridge ${name}: not a name for a link`);
  return {
    [OPTION.defaultBridge]: "true",
    [OPTION.icc]: String(bridge.icc),
    [OPTION.masquerade]: String(ipMasq),
    [OPTION.hostBinding]: formatAddress(bridge.hostBindingIp),
    [OPTION.name]: name,
    [OPTION.mtu]: String(bridge.mtu),
  };
}

function bridgePools(settings: NetworkSettings, ula: Prefix | undefined): readonly Pool[] {
  return settings.bridge.ipv6
    ? [bridgePool4(settings), bridgePool6(settings.bridge, ula)]
    : [bridgePool4(settings)];
}

function bridgePool4({ bridge, defaultAddressPools }: NetworkSettings): Pool {
  const own =
    bridge.bip ?? firstAddress(defaultAddressPools.length > 0 ? defaultAddressPools : BUILT_IN_POOLS);
  const what = `--bip ${formatPrefix(own)}`;
  if (own.address.family !== 4 || own.length > 30) throw invalid(`${what}: no IPv4 subnet for containers`);
  if (sameAddress(own.address, firstOf(own)) || sameAddress(own.address, lastOf(own))) {
    throw invalid(`${what}: the address of the subnet itself, not of a host in it`);
  }
  const { fixedCidr, defaultGateway } = bridge;
  return poolOf(own, {
    range: fixedCidr && rangeOf("--fixed-cidr", fixedCidr, subnetOf(own)),
    auxiliary: gatewayOf("--default-gateway", DEFAULT_GATEWAY, defaultGateway, own),
  });
}

/** Without a subnet of its own, `--fixed-cidr-v6` is the subnet. */
function bridgePool6({ bip6, fixedCidr6, defaultGateway6 }: BridgeSettings, ula: Prefix | undefined): Pool {
  const own = bip6 ?? firstHost(fixedCidr6 ?? uniqueLocal(ula));
  const what = bip6 ? `--bip6 ${formatPrefix(own)}` : `--fixed-cidr-v6 ${formatPrefix(subnetOf(own))}`;
  if (own.address.family !== 6 || !hasRoomFor(subnetOf(own), 2)) {
    throw invalid(`${what}: no IPv6 subnet for containers`);
  }
  if (sameAddress(own.address, firstOf(own))) {
    throw invalid(`${what}: the address of the subnet itself, not of a host in it`);
  }
  return poolOf(own, {
    range: bip6 && fixedCidr6 && rangeOf("--fixed-cidr-v6", fixedCidr6, subnetOf(own)),
    auxiliary: gatewayOf("--default-gateway-v6", DEFAULT_GATEWAY6, defaultGateway6, own),
  });
}

function uniqueLocal(ula: Prefix | undefined): Prefix {
  if (!ula) throw internal("the default network's IPv6 subnet: no unique local prefix to take it from");
  return defaultSubnet6(ula);
}

/** The lowest address of the subnet that a host may have. */
const firstHost = (subnet: Prefix): Prefix => ({
  address: offset(firstOf(subnet), 1n),
  length: subnet.length,
});

const poolOf = (
  own: Prefix,
  { range, auxiliary }: { readonly range: Prefix | undefined; readonly auxiliary: Pool["auxiliary"] },
): Pool => ({ subnet: subnetOf(own), gateway: own.address, ...(range && { range }), auxiliary });

function firstAddress(pools: NetworkSettings["defaultAddressPools"]): Prefix {
  const [subnet] = subnetsOf(pools.filter(({ base }) => base.address.family === 4));
  if (subnet) return firstHost(subnet);
  throw invalid("no IPv4 subnet in the default address pools");
}

function rangeOf(flag: string, fixed: Prefix, subnet: Prefix): Prefix {
  if (fixed.length < subnet.length || !contains(subnet, fixed.address)) {
    throw invalid(`${flag} ${formatPrefix(fixed)}: not within the subnet ${formatPrefix(subnet)}`);
  }
  return subnetOf(fixed);
}

function gatewayOf(flag: string, name: string, gateway: Address | undefined, own: Prefix): Pool["auxiliary"] {
  if (!gateway || sameAddress(gateway, own.address)) return {};
  if (!contains(own, gateway)) {
    throw invalid(`${flag} ${formatAddress(gateway)}: not within the subnet ${formatPrefix(subnetOf(own))}`);
  }
  return { [name]: gateway };
}
