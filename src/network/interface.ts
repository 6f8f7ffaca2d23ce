/** An endpoint's interface within its sandbox: what it is called, and which addresses it has. */
import { createHash, randomBytes } from "node:crypto";
import { conflict, inContext, internal, invalid, kindOf } from "../lib/errors.ts";
import {
  type Address,
  addressBytes,
  type Family,
  lastOf,
  type Mac,
  macBytes,
  macFromBytes,
  macOf,
  type Prefix,
} from "../lib/ip.ts";
import type { NetnsPath, Plan, Step } from "../linux/plan.ts";
import { sysctlComponent } from "../linux/sysctl.ts";
import type { Interface, InterfaceWish } from "./driver.ts";
import { endpointOptions, sysctlPlan } from "./endpoint-options.ts";
import { addressOf, hasFamily, poolsOf } from "./family.ts";
import { type Assignment, assign, describePool } from "./ipam/allocate.ts";
import { isLinkName } from "./option-values.ts";
import type { Endpoint, Network, Pool } from "./types.ts";

/** The part that does not depend on what it is plugged into. */
export type InnerInterface = Pick<Interface, "interfaceName" | "mac" | "address" | "address6"> & {
  /** Where its addresses come from, by family. */
  readonly pools: { readonly 4?: Pool; readonly 6?: Pool };
};

/**
 * @param others the network's other endpoints
 * @param prefix of interfaces' names
 * @throws conflict, forbidden, invalid: see `Driver.connect`
 */
export function innerInterface(
  network: Network,
  others: readonly Endpoint[],
  wish: InterfaceWish,
  prefix: string,
): InnerInterface {
  const { interfaceName: wished } = endpointOptions(wish.driverOptions);
  const four = assignOf(network, 4, others, wish.address);
  const six = assignOf(network, 6, others, wish.address6);
  return {
    interfaceName: nameFor(prefix, wish.taken, wished),
    mac: wish.mac ?? macFor(four?.address ?? six?.address, others),
    ...(four && { address: prefixOf(four) }),
    ...(six && { address6: prefixOf(six) }),
    pools: { ...(four && { 4: four.pool }), ...(six && { 6: six.pool }) },
  };
}

const prefixOf = ({ address, pool }: Assignment): Prefix => ({ address, length: pool.subnet.length });

function assignOf(
  network: Network,
  family: Family,
  others: readonly Endpoint[],
  wanted: Address | undefined,
): Assignment | undefined {
  const pools = hasFamily(network, family) ? poolsOf(network, family) : [];
  if (pools.length === 0 && !wanted) return undefined;
  const taken = others.flatMap((other) => addressOf(other, family) ?? []);
  try {
    const assigned = assign(pools, taken, wanted);
    if (assigned) return assigned;
  } catch (thrown) {
    if (kindOf(thrown) !== "invalid") throw thrown;
    throw inContext(`invalid config for network ${network.name}: invalid endpoint settings`, thrown);
  }
  throw conflict(
    `no available IPv${family} addresses on this network's address pools: ${network.name} (${pools.map(describePool).join(", ")})`,
  );
}

/** The lowest number that is free, where no name is wished. @throws conflict, invalid */
function nameFor(prefix: string, taken: readonly string[], wished: string | undefined): string {
  if (wished !== undefined) {
    if (taken.includes(wished)) throw conflict(`an interface named ${wished} is in this sandbox already`);
    return wished;
  }
  let number = 0;
  while (taken.includes(`${prefix}${number}`)) number += 1;
  const name = `${prefix}${number}`;
  if (!isLinkName(name)) throw invalid(`no name for an interface: ${name} is longer than 15 bytes`);
  return name;
}

/** Made of its address, so that an address keeps its MAC; random where another has that, or there is no address. */
function macFor(address: Address | undefined, others: readonly Endpoint[]): Mac {
  const taken = new Set(others.map(({ mac }) => mac));
  let mac = address ? macOfAny(address) : randomMac();
  while (taken.has(mac)) mac = randomMac();
  return mac;
}

/**
 * Subnets of IPv6 differ in their first half, and begin alike: of the last bytes alone, neighbours of several networks
 * on one wire (macvlan) would have one MAC.
 */
const macOfAny = (address: Address): Mac =>
  address.family === 4
    ? macOf(address)
    : localMac(createHash("sha256").update(addressBytes(address)).digest().subarray(0, 4));

const localMac = (bytes: Uint8Array): Mac => macFromBytes(Uint8Array.of(0x02, 0x42, ...bytes));

const randomMac = (): Mac => localMac(randomBytes(4));

/** The link-local address that the kernel gives an interface with this MAC (RFC 4291 appendix A, modified EUI-64). */
export function linkLocalOf(mac: Mac): Address {
  const [a = 0, b = 0, c = 0, ...rest] = macBytes(mac);
  let bits = 0xfe80n << 48n;
  for (const byte of [a ^ 2, b, c, 0xff, 0xfe, ...rest]) bits = (bits << 8n) | BigInt(byte);
  return { family: 6, bits };
}

/** The subnet that an address of a link has where nobody says: that of RFC 3927, and of RFC 4291, 2.5.6. */
export const onLink = (address: Address): Prefix => ({ address, length: address.family === 4 ? 16 : 64 });

/** Of IPv6 or not, as far as they are the engine's to give. */
export const addressesOf = ({ address, address6, linkLocal = [] }: Endpoint): readonly Prefix[] => [
  ...(address ? [address] : []),
  ...(address6 ? [address6] : []),
  ...linkLocal,
];

export const speaksIpv6 = (endpoint: Endpoint): boolean =>
  addressesOf(endpoint).some(({ address }) => address.family === 6);

/** A point-to-point subnet has no broadcast address (RFC 3021). */
export const giveAddress = (link: string, address: Prefix): Step & { readonly do: "add-address" } => ({
  do: "add-address",
  link,
  address,
  ...(address.address.family === 4 ? address.length < 31 && { broadcast: lastOf(address) } : { noDad: true }),
});

/** A setting of IPv6 of one link (Documentation/networking/ip-sysctl.rst, conf/interface). */
export const ipv6Setting = (link: string, key: string, value: string, netns?: NetnsPath): Step => ({
  do: "set-sysctl",
  ...(netns !== undefined && { netns }),
  key: `net.ipv6.conf.${sysctlComponent(link)}.${key}`,
  value,
});

/**
 * IPv6 for a link that has its addresses from the engine: it listens to no router, and asks nobody whether they are
 * free, since they were given out here.
 */
export const enableIpv6 = (link: string, netns?: NetnsPath): Plan => [
  ipv6Setting(link, "accept_ra", "0", netns),
  ipv6Setting(link, "accept_dad", "0", netns),
  ipv6Setting(link, "disable_ipv6", "0", netns),
];

/**
 * Settings and addresses of an interface that is in its sandbox. Interfaces are born there without IPv6: one that
 * has an address of it is given it. The user's own settings come after ours.
 */
export function configurePlan(endpoint: Endpoint, netns: NetnsPath): Plan {
  const { interfaceName: link, driverOptions } = endpoint;
  if (link === undefined) throw internal(`an endpoint of ${endpoint.networkName} without an interface`);
  return [
    ...(speaksIpv6(endpoint) ? enableIpv6(link, netns) : []),
    ...sysctlPlan(driverOptions, link, netns),
    ...addressesOf(endpoint).map((address) => ({ ...giveAddress(link, address), netns })),
  ];
}
