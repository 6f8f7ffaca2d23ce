import type { Family, Mac } from "../lib/ip.ts";
import type { NetnsPath, Plan } from "../linux/plan.ts";
import type { Elements } from "./firewall/elements.ts";
import type { HostState } from "./host-state.ts";
import type { NetworkSettings } from "./settings.ts";
import type { Endpoint, EndpointRequest, Network, PortBinding } from "./types.ts";

/** The part of an endpoint that its driver decides. */
export type Interface = Pick<
  Endpoint,
  "interfaceName" | "hostInterface" | "mac" | "address" | "address6" | "gateway" | "gateway6"
>;

/** What a new interface shall be, as far as its user says. */
export type InterfaceWish = Pick<EndpointRequest, "address" | "address6" | "driverOptions"> & {
  readonly mac?: Mac;
  /** Names that are taken in its sandbox. */
  readonly taken: readonly string[];
};

/**
 * The code that makes a kind of network real. It plans, and touches nothing: the same state and the same
 * facts give the same plan.
 */
export interface Driver {
  /**
   * A network as it was asked for, its options checked and what was left out filled in.
   * @param others the networks that there are
   * @throws invalid, forbidden, not-built-in in Docker's words
   */
  complete(network: Network, others: readonly Network[], settings: NetworkSettings): Network;
  /** Whether it wants a gateway in a subnet for which its user named none. @throws invalid */
  offersGateway(network: Network, family: Family): boolean;
  /** Refuse a network that can't be made on this host. @throws conflict, that says who stands against it */
  refuse(network: Network, facts: HostState): void;
  /** Whether what stands for the network as it was must go before the network as it is now can be made. */
  replaces(before: Network, now: Network): boolean;
  /** What there is before a new network is made, as far as its removal must know: for `Network.made`. */
  remember(network: Network, facts: HostState): Readonly<Record<string, string>>;
  /** From whatever is there to the network as it shall be; empty where it is so. */
  ensure(network: Network, facts: HostState): Plan;
  /** Join the host's ends of these endpoints to the network again, where they are and are not on it. */
  rejoin(network: Network, endpoints: readonly Endpoint[], facts: HostState): Plan;
  /** Names of the links on it that are a sandbox's, whoever remembers which. */
  portsOf(network: Network, facts: HostState): readonly string[];
  /**
   * Take away what `ensure` made. Empty where nothing of it is there.
   * @param others the networks that stay: a VLAN's link may serve several
   */
  remove(network: Network, facts: HostState, others: readonly Network[]): Plan;
  /** What stands in the firewall as long as the network does. */
  elements(network: Network): Elements;
  /**
   * A new endpoint's interface, given the network's other endpoints.
   * @throws conflict where no address is free; forbidden `Address already in use`; invalid for one outside
   */
  connect(network: Network, others: readonly Endpoint[], wish: InterfaceWish): Interface;
  /** What stands in the firewall as long as the endpoint does. */
  endpointElements(network: Network, endpoint: Endpoint): Elements;
  /** What stands in the firewall while these ports are led to this endpoint. */
  portElements(network: Network, endpoint: Endpoint, bindings: readonly PortBinding[]): Elements;
  /**
   * Join the endpoint's interface to a sandbox: link, addresses, its own sysctls; not the default route.
   * The firewall's elements stand already.
   */
  attach(network: Network, endpoint: Endpoint, sandbox: NetnsPath): Plan;
  /** Take away what `attach` made within the sandbox, where deleting the host's end does not. */
  detach(network: Network, endpoint: Endpoint, sandbox: NetnsPath): Plan;
  /** What was thrown while a plan of it was carried out, with its meaning and the way out where the driver knows them. */
  explain(network: Network, thrown: unknown): unknown;
}
