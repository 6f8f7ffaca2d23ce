/** Networks designed beside the default ones, on a host with one link of its own. */
import { formatAddress, formatPrefix, parsePrefix } from "../../src/lib/ip.ts";
import type { Link } from "../../src/linux/kernel.ts";
import type { Plan } from "../../src/linux/plan.ts";
import { bridgeDriver } from "../../src/network/bridge/driver.ts";
import { designNetwork, type NetworkContext } from "../../src/network/create.ts";
import { defaultNetworks } from "../../src/network/defaults.ts";
import type { InterfaceWish } from "../../src/network/driver.ts";
import type { HostState } from "../../src/network/host-state.ts";
import type { Endpoint, Network, NetworkRequest, PoolRequest } from "../../src/network/types.ts";
import { settings } from "../support/networks.ts";

export const link = (name: string, ifindex: number): Link => ({
  ifindex,
  name,
  mtu: 1500,
  up: true,
  loopback: false,
});
export const route = (to: string, ifindex: number) => ({ to: parsePrefix(to), ifindex, table: 254, type: 1 });
export const eth0: HostState = {
  links: [link("eth0", 2)],
  addresses: [{ ifindex: 2, address: parsePrefix("192.168.7.5/24"), scope: 0 }],
  routes: [route("192.168.7.0/24", 2), { to: "default", ifindex: 2, table: 254, type: 1 }],
};

export const context = (more: Partial<NetworkContext> = {}): NetworkContext => ({
  networks: defaultNetworks(settings, []),
  facts: eth0,
  settings,
  ula: parsePrefix("fd12:3456:789a::/48"),
  spent: [],
  ...more,
});

export const design = (request: Partial<NetworkRequest>, more: Partial<NetworkContext> = {}) =>
  designNetwork({ name: "n", ...request }, context(more));
export const made = (request: Partial<NetworkRequest>, more: Partial<NetworkContext> = {}): Network =>
  design(request, more).network;
export const withPools = (...config: PoolRequest[]): Partial<NetworkRequest> => ({ ipam: { config } });
/** `172.18.0.0/16 via 172.18.0.1`, each pool. */
export const poolsOf = ({ ipam }: Network): string[] =>
  ipam.pools.map(
    ({ subnet, gateway }) => formatPrefix(subnet) + (gateway ? ` via ${formatAddress(gateway)}` : ""),
  );
export const beside = (...others: Network[]): Partial<NetworkContext> => ({
  networks: [...context().networks, ...others],
});

export const EMPTY: HostState = { links: [], addresses: [], routes: [] };
export const DUAL = {
  ipv6: true,
  ipam: { config: [{ subnet: "10.1.0.0/24" }, { subnet: "fd00:1::/64" }] },
};
export const dual = (more: Partial<NetworkRequest> = {}): Network => made({ ...DUAL, ...more });
export const bridge = (key: string) => `com.docker.network.bridge.${key}`;

export const join = (network: Network, wish: Partial<InterfaceWish> = {}, others: readonly Endpoint[] = []) =>
  bridgeDriver.connect(network, others, { taken: [], ...wish });

export const endpoint = (
  network: Network,
  wish: Partial<InterfaceWish> = {},
  others: readonly Endpoint[] = [],
) =>
  ({
    id: "e",
    network: network.id,
    networkName: network.name,
    container: "c",
    containerName: "web",
    aliases: [],
    dnsNames: [],
    ...join(network, wish, others),
    ...(wish.driverOptions && { driverOptions: wish.driverOptions }),
  }) as unknown as Endpoint;

/** `key=value` of sysctls, `link address` of addresses, and otherwise the step's name. */
export const told = (plan: Plan): string[] =>
  plan.map((step) => {
    if (step.do === "set-sysctl") return `${step.key}=${step.value}`;
    if (step.do === "add-address" || step.do === "delete-address") {
      return `${step.do} ${formatPrefix(step.address)} ${step.link}`;
    }
    return step.do;
  });
