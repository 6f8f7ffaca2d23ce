/** The bridge's own link: from whatever is there to what the network says. */
import { formatPrefix, lastOf, type Mac, macFromBytes, type Prefix } from "../../lib/ip.ts";
import type { Link } from "../../linux/kernel.ts";
import type { Plan, Step } from "../../linux/plan.ts";
import { linkAlias } from "../alias.ts";
import type { HostState } from "../driver.ts";
import type { Endpoint, Network } from "../types.ts";
import { bridgeOptions } from "./options.ts";

/**
 * The bridge's MAC address: locally administered, and made of the network's id, so that it outlives
 * reboots, doesn't change with the ports, and tells our bridge from another engine's of the same name.
 */
export const bridgeMac = (network: Network): Mac =>
  macFromBytes(Uint8Array.of(0x02, 0x42, ...Buffer.from(network.id.slice(0, 8), "hex")));

/** Whether this link is the one that was made for this network. */
export const isOurs = (network: Network, link: Link): boolean =>
  link.kind === "bridge" && link.mac === bridgeMac(network);

/** The bridge's own address in its subnet. */
const ownAddress = (network: Network): Prefix => {
  const { pool } = bridgeOptions(network);
  return { address: pool.gateway, length: pool.subnet.length };
};

/** Our links, under whatever name: more than one only where a change of name was interrupted. */
const ownLinks = (network: Network, { links }: HostState): Link[] =>
  links.filter((link) => isOurs(network, link));

/** Another name or another address is another link: it has ports, routes and neighbours of its own. */
export const replacesBridge = (before: Network, now: Network): boolean =>
  bridgeOptions(before).name !== bridgeOptions(now).name ||
  formatPrefix(ownAddress(before)) !== formatPrefix(ownAddress(now));

/** Create the bridge, or set right what differs. Addresses that an administrator added stay. */
export function ensureBridgePlan(network: Network, facts: HostState): Plan {
  const { name, mtu } = bridgeOptions(network);
  const address = ownAddress(network);
  const link = ownLinks(network, facts).find((own) => own.name === name);
  const giveAddress: Step = { do: "add-address", link: name, address, broadcast: lastOf(address) };
  if (!link) {
    return [
      { do: "add-bridge", name, mac: bridgeMac(network), mtu },
      giveAddress,
      { do: "set-link", name, up: true, alias: `${network.name} of drawbridge` },
    ];
  }
  const has = facts.addresses.some(
    (given) => given.ifindex === link.ifindex && formatPrefix(given.address) === formatPrefix(address),
  );
  const plan: Step[] = has ? [] : [giveAddress];
  if (link.mtu !== mtu || !link.up) plan.push({ do: "set-link", name, mtu, up: true });
  return plan;
}

/** A bridge that was deleted let its ports go; they stand where they stood, and lead nowhere. */
export function rejoinPlan(network: Network, endpoints: readonly Endpoint[], { links }: HostState): Plan {
  const { name: master } = bridgeOptions(network);
  const bridge = links.find(({ name }) => name === master);
  return links
    .filter(({ name }) => endpoints.some(({ hostInterface }) => hostInterface === name))
    .filter((link) => !bridge || link.master !== bridge.ifindex)
    .map(({ name }) => ({ do: "set-link", name, master, up: true }));
}

/** An administrator's own ports have other names, or don't say that they are of this network. */
export function portsOf(network: Network, facts: HostState): readonly string[] {
  const bridges = new Set(ownLinks(network, facts).map(({ ifindex }) => ifindex));
  return facts.links
    .filter(({ master }) => master !== undefined && bridges.has(master))
    .filter(
      ({ name, alias }) => /^veth[0-9a-f]{7}$/.test(name) && alias?.endsWith(linkAlias("", network.name)),
    )
    .map(({ name }) => name);
}

export const removeBridgePlan = (network: Network, facts: HostState): Plan =>
  ownLinks(network, facts).map(({ name }) => ({ do: "delete-link", name }));
