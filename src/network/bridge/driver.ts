import { conflict, inContext } from "../../lib/errors.ts";
import { randomHex } from "../../lib/ids.ts";
import type { Address, Family } from "../../lib/ip.ts";
import { KernelError } from "../../linux/ffi.ts";
import type { NetnsPath, Plan } from "../../linux/plan.ts";
import { linkAlias } from "../alias.ts";
import type { Driver, Interface, InterfaceWish } from "../driver.ts";
import { configurePlan, innerInterface } from "../interface.ts";
import type { Endpoint, Network, Pool } from "../types.ts";
import { completeBridge } from "./complete.ts";
import { refuseConflict } from "./conflict.ts";
import { endpointElements, networkElements, plugOf, portElements } from "./elements.ts";
import {
  ensureBridgePlan,
  portsOf,
  rejoinPlan,
  rememberBridge,
  removeBridgePlan,
  replacesBridge,
} from "./link.ts";
import {
  type BridgeOptions,
  bridgeOptions,
  DEFAULT_GATEWAY,
  DEFAULT_GATEWAY6,
  hasHairpins,
  offersGateway,
} from "./options.ts";

export const bridgeDriver: Driver = {
  complete: completeBridge,
  offersGateway,
  refuse: refuseConflict,
  replaces: replacesBridge,
  remember: rememberBridge,
  ensure: ensureBridgePlan,
  rejoin: rejoinPlan,
  portsOf,
  remove: removeBridgePlan,
  elements: networkElements,
  connect,
  endpointElements,
  portElements,
  attach: attachPlan,
  detach: () => [],
  explain,
};

/** BR_MAX_PORTS of the kernel (net/bridge/br_private.h) less port 0. */
const MOST_PORTS = 1023;

const full = (network: Network) =>
  conflict(
    `network ${network.name}: its bridge ${bridgeOptions(network).name} has ${MOST_PORTS} ports, all that Linux gives ` +
      "a bridge: disconnect containers that are done with it, or spread them over several networks (docker network create)",
  );

function connect(network: Network, others: readonly Endpoint[], wish: InterfaceWish): Interface {
  const options = bridgeOptions(network);
  if (others.length >= MOST_PORTS) throw full(network);
  const { pools, ...inner } = innerInterface(network, others, wish, options.interfacePrefix);
  const gateway = wayOut(network, options, 4, pools[4]);
  const gateway6 = wayOut(network, options, 6, pools[6]);
  return {
    ...inner,
    hostInterface: newVethName(others),
    ...(gateway && { gateway }),
    ...(gateway6 && { gateway6 }),
  };
}

/** An internal network has none to offer, and an isolated one has none. */
function wayOut(
  network: Network,
  { families }: BridgeOptions,
  family: Family,
  pool: Pool | undefined,
): Address | undefined {
  const mode = families.find((of) => of.family === family)?.mode;
  if (network.internal || mode === "isolated") return undefined;
  return pool?.auxiliary[family === 4 ? DEFAULT_GATEWAY : DEFAULT_GATEWAY6] ?? pool?.gateway;
}

/** A pair with its peer born in the sandbox, already under its name and address. */
function attachPlan(network: Network, endpoint: Endpoint, sandbox: NetnsPath): Plan {
  const options = bridgeOptions(network);
  const { name: master, mtu } = options;
  const { port, name, mac } = plugOf(endpoint);
  return [
    {
      do: "add-veth",
      name: port,
      mtu,
      master,
      ...(hasHairpins(options) && { hairpin: true }),
      alias: linkAlias(endpoint.containerName, network.name),
      up: true,
      peer: { netns: sandbox, name, mac, mtu },
    },
    ...configurePlan(endpoint, sandbox),
  ];
}

/** `veth` and seven hex digits, none of those given already. */
function newVethName(others: readonly Endpoint[]): string {
  for (;;) {
    const name = `veth${randomHex(4).slice(0, 7)}`;
    if (!others.some(({ hostInterface }) => hostInterface === name)) return name;
  }
}

/** What br_add_if answers where every port number is taken (net/bridge/br_if.c, find_portno). */
const EXFULL = 54;

function explain(network: Network, thrown: unknown): unknown {
  if (!(thrown instanceof KernelError) || thrown.errno !== EXFULL) return thrown;
  return inContext(full(network).message, thrown);
}
