/** The bridge's own link: from whatever is there to what the network says. */
import { formatPrefix, type Mac, macFromBytes, type Prefix } from "../../lib/ip.ts";
import type { Link } from "../../linux/kernel.ts";
import type { Plan, Step } from "../../linux/plan.ts";
import { sysctlComponent } from "../../linux/sysctl.ts";
import { BRIDGE_ALIAS_SUFFIX, bridgeAlias, linkAlias } from "../alias.ts";
import type { HostState } from "../host-state.ts";
import { enableIpv6, giveAddress, ipv6Setting } from "../interface.ts";
import { KERNEL_HAS_IPV6 } from "../kernel-ipv6.ts";
import type { Endpoint, Network } from "../types.ts";
import { type BridgeOptions, bridgeOptions, hasHairpins, LEAST_MTU } from "./options.ts";

/**
 * The bridge's MAC address: locally administered, and made of the network's id, so that it outlives
 * reboots, doesn't change with the ports, and tells our bridge from another engine's of the same name.
 */
export const bridgeMac = (network: Network): Mac =>
  macFromBytes(Uint8Array.of(0x02, 0x42, ...Buffer.from(network.id.slice(0, 8), "hex")));

/** Whether this link is the one that was made for this network. */
export const isOurs = (network: Network, link: Link): boolean =>
  link.kind === "bridge" && link.mac === bridgeMac(network);

/** Made by a Drawbridge, this or another. */
export const isDrawbridges = ({ alias }: Link): boolean => alias?.endsWith(BRIDGE_ALIAS_SUFFIX) ?? false;

/** Our links, under whatever name: more than one only where a change of name was interrupted. */
const ownLinks = (network: Network, { links }: HostState): Link[] =>
  links.filter((link) => isOurs(network, link));

/** What `Network.made` remembers of a bridge that was there before, and stays. */
const MADE = {
  /** Always `found`. */
  bridge: "bridge",
  /** Addresses that it lacked, by commas. */
  addresses: "addresses",
  /** `true` where it was down. */
  up: "up",
} as const;

/** A bridge that its user made beforehand, as long as it is there. */
function foundLink(network: Network, { links }: HostState): Link | undefined {
  if (network.made?.[MADE.bridge] === undefined) return undefined;
  const { name } = bridgeOptions(network);
  return links.find((link) => link.name === name && link.kind === "bridge" && !isOurs(network, link));
}

export function rememberBridge(network: Network, facts: HostState): Readonly<Record<string, string>> {
  const options = bridgeOptions(network);
  const link = facts.links.find(({ name }) => name === options.name);
  if (!link || isOurs(network, link)) return {};
  const addresses = missingFrom(link, ownAddresses(options), facts).map(formatPrefix).join(",");
  return {
    [MADE.bridge]: "found",
    ...(addresses !== "" && { [MADE.addresses]: addresses }),
    ...(!link.up && { [MADE.up]: "true" }),
  };
}

/** The bridge's own addresses in its subnets. */
const ownAddresses = ({ families }: BridgeOptions): Prefix[] =>
  families.flatMap(({ addressed, pools }) =>
    pools.flatMap(({ gateway, subnet }) =>
      addressed && gateway ? [{ address: gateway, length: subnet.length }] : [],
    ),
  );

const missingFrom = (link: Link, addresses: readonly Prefix[], facts: HostState): Prefix[] => {
  const given = new Set(
    facts.addresses.flatMap(({ ifindex, address }) =>
      ifindex === link.ifindex ? [formatPrefix(address)] : [],
    ),
  );
  return addresses.filter((address) => !given.has(formatPrefix(address)));
};

/**
 * Another name, or an address that it no longer has, is another link: it has ports, routes and neighbours of its
 * own. One address more is not.
 */
export function replacesBridge(before: Network, now: Network): boolean {
  const [was, is] = [bridgeOptions(before), bridgeOptions(now)];
  const kept = new Set(ownAddresses(is).map(formatPrefix));
  return was.name !== is.name || ownAddresses(was).some((address) => !kept.has(formatPrefix(address)));
}

/** Create the bridge, or set right what differs. Addresses that an administrator added stay. */
export function ensureBridgePlan(network: Network, facts: HostState): Plan {
  const options = bridgeOptions(network);
  const { name, mtu } = options;
  const addresses = ownAddresses(options);
  const found = foundLink(network, facts);
  if (found) return useBridgePlan(options, found, missingFrom(found, addresses, facts));
  const link = ownLinks(network, facts).find((own) => own.name === name);
  if (!link) {
    return [
      { do: "add-bridge", name, mac: bridgeMac(network), mtu },
      ...settingsPlan(options),
      ...addresses.map((address) => giveAddress(name, address)),
      { do: "set-link", name, up: true, alias: bridgeAlias(network.name) },
    ];
  }
  const missing = missingFrom(link, addresses, facts);
  // One that is up has its settings, since it comes up last; with its first IPv6 address it gets others.
  const unset = !link.up || missing.some(({ address }) => address.family === 6);
  return [
    ...(unset ? settingsPlan(options) : []),
    ...missing.map((address) => giveAddress(name, address)),
    ...(link.mtu !== mtu || !link.up ? [{ do: "set-link", name, mtu, up: true } as const] : []),
  ];
}

/** A bridge of the user's: given what it lacks, and otherwise left as it is. */
function useBridgePlan(options: BridgeOptions, link: Link, missing: readonly Prefix[]): Plan {
  const { name } = options;
  if (missing.length === 0 && link.up) return [];
  const six = missing.some(({ address }) => address.family === 6);
  return [
    ...(six ? [ipv6Setting(name, "disable_ipv6", "0")] : []),
    ...loopbackPlan(options),
    ...missing.map((address) => giveAddress(name, address)),
    ...(link.up ? [] : [{ do: "set-link", name, up: true } as const]),
  ];
}

/** Set while the bridge is down: it must not take an address from a router's word, nor one that nobody gave it. */
function settingsPlan(options: BridgeOptions): Plan {
  const { name, mtu, families } = options;
  const six = families.some(({ family, addressed }) => family === 6 && addressed);
  const settings6 = six ? enableIpv6(name) : [ipv6Setting(name, "disable_ipv6", "1")];
  return [...(six || (KERNEL_HAS_IPV6 && mtu >= LEAST_MTU[6]) ? settings6 : []), ...loopbackPlan(options)];
}

const routeLocalnet = (link: string, value: string): Step => ({
  do: "set-sysctl",
  key: `net.ipv4.conf.${sysctlComponent(link)}.route_localnet`,
  value,
});

const translates4 = ({ families }: BridgeOptions): boolean =>
  families.some(({ family, addressed, translated }) => family === 4 && addressed && translated);

/** What the host sends to a port published on its 127.0.0.1 leaves by the bridge. The rules against martians stand. */
const loopbackPlan = (options: BridgeOptions): Plan =>
  translates4(options) ? [routeLocalnet(options.name, "1")] : [];

/** A bridge that was deleted let its ports go; they stand where they stood, and lead nowhere. */
export function rejoinPlan(network: Network, endpoints: readonly Endpoint[], { links }: HostState): Plan {
  const options = bridgeOptions(network);
  const { name: master } = options;
  const bridge = links.find(({ name }) => name === master);
  const ends = new Set(endpoints.map(({ hostInterface }) => hostInterface));
  return links
    .filter(({ name }) => ends.has(name))
    .filter((link) => !bridge || link.master !== bridge.ifindex)
    .flatMap(
      ({ name }): Plan => [
        { do: "set-link", name, master, up: true },
        ...(hasHairpins(options) ? [{ do: "set-link", name, hairpin: true } as const] : []),
      ],
    );
}

/** An administrator's own ports have other names, or don't say that they are of this network. */
export function portsOf(network: Network, facts: HostState): readonly string[] {
  const found = foundLink(network, facts);
  const bridges = new Set(
    [...ownLinks(network, facts), ...(found ? [found] : [])].map((link) => link.ifindex),
  );
  return facts.links
    .filter(({ master }) => master !== undefined && bridges.has(master))
    .filter(
      ({ name, alias }) => /^veth[0-9a-f]{7}$/.test(name) && alias?.endsWith(linkAlias("", network.name)),
    )
    .map(({ name }) => name);
}

/** Ours go. One that was found stays, without what it was given; that of the loopback in any case. */
export function removeBridgePlan(network: Network, facts: HostState): Plan {
  const own = ownLinks(network, facts).map(({ name }): Step => ({ do: "delete-link", name }));
  const found = foundLink(network, facts);
  return found ? [...own, ...returnBridgePlan(network, found, facts)] : own;
}

function returnBridgePlan(network: Network, { name, ifindex }: Link, facts: HostState): Plan {
  const options = bridgeOptions(network);
  const lent = (network.made?.[MADE.addresses] ?? "").split(",").filter((text) => text !== "");
  const given = facts.addresses.filter((each) => each.ifindex === ifindex);
  return [
    ...(translates4(options) ? [routeLocalnet(name, "0")] : []),
    ...given
      .filter(({ address }) => lent.includes(formatPrefix(address)))
      .map(({ address }): Step => ({ do: "delete-address", link: name, address })),
    ...(network.made?.[MADE.up] ? [{ do: "set-link", name, up: false } as const] : []),
  ];
}
