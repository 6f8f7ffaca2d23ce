import { randomBytes } from "node:crypto";
import { conflict, internal } from "../../lib/errors.ts";
import { type Address, lastOf, type Mac, macOf } from "../../lib/ip.ts";
import type { NetnsPath, Plan } from "../../linux/plan.ts";
import { linkAlias } from "../alias.ts";
import type { Driver, Interface } from "../driver.ts";
import type { Elements, Elements } from "../firewall/elements.ts";
import { allocate, describePool } from "../ipam/allocate.ts";
import type { Endpoint, Network } from "../types.ts";
import { refuseConflict } from "./conflict.ts";
import { ensureBridgePlan, portsOf, rejoinPlan, removeBridgePlan, replacesBridge } from "./link.ts";
import { bridgeOptions, DEFAULT_GATEWAY } from "./options.ts";

export const bridgeDriver: Driver = {
  refuse: refuseConflict,
  replaces: replacesBridge,
  ensure: ensureBridgePlan,
  rejoin: rejoinPlan,
  portsOf,
  remove: removeBridgePlan,

  elements(network): Elements {
    const { name, icc, masquerade, pool } = bridgeOptions(network);
    const link = { ifname: name };
    const subnet = { subnet: pool.subnet };
    return {
      bridges: [[link]],
      ...(icc && { icc: [[link, link]] }),
      ...(masquerade && { masquerade4: [[subnet]], local4: [[link, subnet]] }),
    };
  },

  connect(network, others, wish): Interface {
    const { pool } = bridgeOptions(network);
    const taken = others.flatMap(({ address }) => address?.address ?? []);
    const address = allocate(pool, taken);
    if (!address) {
      throw conflict(
        `no available IPv4 addresses on this network's address pools: ${network.name} (${describePool(pool)})`,
      );
    }
    return {
      interfaceName: "eth0",
      hostInterface: newVethName(others),
      mac: wish.mac ?? macOf(address),
      address: { address, length: pool.subnet.length },
      gateway: pool.auxiliary[DEFAULT_GATEWAY] ?? pool.gateway,
    };
  },

  endpointElements(network, endpoint): Elements {
    const { port, mac, address } = plugOf(endpoint);
    const link = { ifname: port };
    return {
      ports: [[link]],
      senders: [[link, { mac }]],
      owners4: [[link, { mac }, { address }]],
      ...(!bridgeOptions(network).icc && { separated: [[link]] }),
    };
  },

  attach: attachPlan,
};

/** A pair with its peer born in the sandbox, already under its name and address, and the way out. */
function attachPlan(network: Network, endpoint: Endpoint, sandbox: NetnsPath): Plan {
  const { name: master, mtu } = bridgeOptions(network);
  const { port, name, mac, prefix } = plugOf(endpoint);
  return [
    {
      do: "add-veth",
      name: port,
      mtu,
      master,
      alias: linkAlias(endpoint.containerName, network.name),
      up: true,
      peer: { netns: sandbox, name, mac, mtu },
    },
    { do: "add-address", netns: sandbox, link: name, address: prefix, broadcast: lastOf(prefix) },
    ...(endpoint.gateway
      ? [{ do: "add-route", netns: sandbox, to: "default", via: endpoint.gateway } as const]
      : []),
  ];
}

interface Plug {
  readonly port: string;
  readonly name: string;
  readonly mac: Mac;
  readonly prefix: NonNullable<Endpoint["address"]>;
  readonly address: Address;
}

/** The parts that every endpoint of a bridge network has. */
function plugOf({ hostInterface, interfaceName, mac, address, networkName }: Endpoint): Plug {
  if (hostInterface === undefined || interfaceName === undefined || !mac || !address) {
    throw internal(`an endpoint of ${networkName} without an interface`);
  }
  return { port: hostInterface, name: interfaceName, mac, prefix: address, address: address.address };
}

/** `veth` and seven hex digits, none of those given already. */
function newVethName(others: readonly Endpoint[]): string {
  for (;;) {
    const name = `veth${randomBytes(4).toString("hex").slice(0, 7)}`;
    if (!others.some(({ hostInterface }) => hostInterface === name)) return name;
  }
}
