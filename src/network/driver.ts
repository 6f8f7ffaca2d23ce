import type { Link, LinkAddress, Route } from "../linux/kernel.ts";
import type { NetnsPath, Plan } from "../linux/plan.ts";
import type { AllElements, Elements } from "./firewall/elements.ts";
import type { Endpoint, Network } from "./types.ts";

/** What the kernel has in the engine's own namespace. */
export interface HostState {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
}

/** The part of an endpoint that its driver decides. */
export type Interface = Pick<Endpoint, "interfaceName" | "hostInterface" | "mac" | "address" | "gateway">;

/**
 * The code that makes a kind of network real. It plans, and touches nothing: the same state and the same
 * facts give the same plan.
 */
export interface Driver {
  /** Refuse a network that can't be made on this host. @throws conflict, that says who stands against it */
  refuse(network: Network, facts: HostState): void;
  /** Whether what stands for the network as it was must go before the network as it is now can be made. */
  replaces(before: Network, now: Network): boolean;
  /** From whatever is there to the network as it shall be; empty where it is so. */
  ensure(network: Network, facts: HostState): Plan;
  /** Join the host's ends of these endpoints to the network again, where they are and are not on it. */
  rejoin(network: Network, endpoints: readonly Endpoint[], facts: HostState): Plan;
  /** Names of the links on it that are a sandbox's, whoever remembers which. */
  portsOf(network: Network, facts: HostState): readonly string[];
  /** Take away what `ensure` made. Empty where nothing of it is there. */
  remove(network: Network, facts: HostState): Plan;
  /** What stands in the firewall as long as the network does. */
  elements(network: Network): AllElements;
  /**
   * A new endpoint's interface, given the network's other endpoints.
   * @throws conflict where no address is free
   */
  connect(network: Network, others: readonly Endpoint[], wish: Pick<Interface, "mac">): Interface;
  /** What stands in the firewall as long as the endpoint does. */
  endpointElements(network: Network, endpoint: Endpoint): Elements;
  /** Join the endpoint's interface to a sandbox. The firewall's elements stand already. */
  attach(network: Network, endpoint: Endpoint, sandbox: NetnsPath): Plan;
}
