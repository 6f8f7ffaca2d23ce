/**
 * Macvlan: a sandbox's interface is a MAC address of its own on a link of the host. What it sends goes out there, past
 * the host's firewall, and the host itself is not reached by it.
 */
import { forbidden, internal, invalid } from "../../lib/errors.ts";
import { type Address, FAMILIES } from "../../lib/ip.ts";
import type { Link } from "../../linux/kernel.ts";
import type { NetnsPath, Plan } from "../../linux/plan.ts";
import { linkAlias } from "../alias.ts";
import type { Driver, Interface, InterfaceWish } from "../driver.ts";
import { hasFamily, poolsOf } from "../family.ts";
import type { HostState } from "../host-state.ts";
import { configurePlan, innerInterface } from "../interface.ts";
import { refuseIpv6 } from "../kernel-ipv6.ts";
import type { Endpoint, Network } from "../types.ts";
import { macvlanOptions, parseVlan } from "./options.ts";

export const macvlanDriver: Driver = {
  complete,
  // A gateway is another machine's on that wire: only the user knows it.
  offersGateway: () => false,
  refuse,
  replaces: () => false,
  remember: () => ({}),
  ensure: ensurePlan,
  rejoin: () => [],
  portsOf: () => [],
  remove: removePlan,
  elements: () => ({}),
  connect,
  endpointElements: () => ({}),
  portElements: () => ({}),
  attach: attachPlan,
  detach: ({ name }, { interfaceName }, netns) => {
    if (interfaceName === undefined) throw internal(`an endpoint of ${name} without an interface`);
    return [{ do: "delete-link", netns, name: interfaceName }];
  },
  explain: (_, thrown) => thrown,
};

const isMacvlan = ({ driver, configOnly }: Network): boolean => driver === "macvlan" && !configOnly;

function complete(network: Network, others: readonly Network[]): Network {
  const { parent, mode } = macvlanOptions(network);
  for (const family of FAMILIES) {
    if (hasFamily(network, family) && poolsOf(network, family).length === 0) {
      throw invalid(`ipv${family} pool is empty`);
    }
  }
  for (const other of others) {
    if (!isMacvlan(other) || other.id === network.id) continue;
    const theirs = macvlanOptions(other);
    if (theirs.parent !== parent) continue;
    if (mode === "passthru") {
      throw forbidden(
        `cannot use mode passthru, macvlan network ${other.id} is already using parent interface ${parent}`,
      );
    }
    if (theirs.mode === "passthru") {
      throw forbidden(
        `macvlan network ${other.id} is already using parent interface ${parent} in mode passthru`,
      );
    }
  }
  return network;
}

const linkNamed = (name: string, { links }: HostState): Link | undefined =>
  links.find((link) => link.name === name);

/** @throws invalid, in Docker's words: no such parent, and no VLAN that could be made; conflict */
function refuse(network: Network, facts: HostState): void {
  refuseIpv6(network);
  const { parent } = macvlanOptions(network);
  if (linkNamed(parent, facts)) return;
  const vlan = parseVlan(parent);
  if (!linkNamed(vlan.parent, facts)) {
    throw invalid(`-o parent interface was not found on the host: ${vlan.parent}`);
  }
}

/** IFLA_IFALIAS: by it we know the VLANs' links that we made, whichever network they were made for. */
const VLAN_ALIAS = "VLAN of drawbridge";

function ensurePlan(network: Network, facts: HostState): Plan {
  const { parent: name } = macvlanOptions(network);
  const link = linkNamed(name, facts);
  if (!link) {
    const { parent, id } = parseVlan(name);
    return [
      { do: "add-vlan", name, parent, id },
      { do: "set-link", name, alias: VLAN_ALIAS },
    ];
  }
  return link.alias === VLAN_ALIAS && !link.up ? [{ do: "set-link", name, up: true }] : [];
}

/** A VLAN's link that we made goes with the last network on it; one of the user's stays. */
function removePlan(network: Network, facts: HostState, others: readonly Network[]): Plan {
  const { parent: name } = macvlanOptions(network);
  if (linkNamed(name, facts)?.alias !== VLAN_ALIAS) return [];
  const shared = others.some(
    (other) => isMacvlan(other) && other.id !== network.id && macvlanOptions(other).parent === name,
  );
  return shared ? [] : [{ do: "delete-link", name }];
}

function connect(network: Network, others: readonly Endpoint[], wish: InterfaceWish): Interface {
  const { mode, parent } = macvlanOptions(network);
  if (mode === "passthru" && others.length > 0) {
    throw forbidden(`network ${network.name}: in mode passthru ${parent} belongs to one container alone`);
  }
  const { pools, mac, ...inner } = innerInterface(network, others, wish, "eth");
  const gateway = network.internal ? undefined : pools[4]?.gateway;
  const gateway6 = network.internal ? undefined : pools[6]?.gateway;
  return {
    ...inner,
    // In passthru the interface has the parent's address, and another would be set on the parent.
    ...(mac && (mode !== "passthru" || wish.mac) && { mac }),
    ...given("gateway", gateway),
    ...given("gateway6", gateway6),
  };
}

const given = (key: "gateway" | "gateway6", address: Address | undefined) =>
  address ? { [key]: address } : {};

function attachPlan(network: Network, endpoint: Endpoint, netns: NetnsPath): Plan {
  const { parent, mode, mtu } = macvlanOptions(network);
  const { interfaceName: name, mac, containerName } = endpoint;
  if (name === undefined) throw internal(`an endpoint of ${network.name} without an interface`);
  return [
    {
      do: "add-macvlan",
      netns,
      name,
      parent,
      mode,
      ...(mac && { mac }),
      ...(mtu !== undefined && { mtu }),
      alias: linkAlias(containerName, network.name),
    },
    ...configurePlan(endpoint, netns),
  ];
}
