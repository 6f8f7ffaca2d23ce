/** Published ports: what is asked for, what was given, and who holds it. */
import type { Address } from "../../lib/ip.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";

export type Protocol = "tcp" | "udp" | "sctp";

/** A port of a container: `80/tcp`. */
export interface ContainerPort {
  readonly protocol: Protocol;
  readonly port: number;
}

/** One port of a container that is to be published. */
export interface PublishRequest extends ContainerPort {
  /** Undefined for the network's default: `0.0.0.0` and, where the host has IPv6, `::`. */
  readonly hostAddress?: Address;
  /** The first free one of these, both ends included; undefined for any of the kernel's ephemeral range. */
  readonly hostPorts?: { readonly first: number; readonly last: number };
}

/** Of a binding that no port of the host stands for: the container's own address is routed. */
export const NO_HOST_PORT = 0;

/** One host address and port that leads to a container's port. */
export interface PortBinding extends ContainerPort {
  /** `0.0.0.0` and `::` stand for every address of their family. */
  readonly hostAddress: Address;
  /** `NO_HOST_PORT` where there is none. */
  readonly hostPort: number;
}

/** Where bindings lead: the container's address of each family, as far as it has one. */
export interface PortTarget {
  readonly address4?: Address;
  readonly address6?: Address;
}

/** Host ports that were taken together, and are given back together. */
export interface PortLease {
  readonly bindings: readonly PortBinding[];
  /** What the user should know: no hold for SCTP. */
  readonly warnings: readonly string[];
  /**
   * Where the relay leads what the kernel can't translate: `[::1]`, and every IPv6 address of the host while the
   * target has IPv4 alone. Undefined while no network carries the ports: then it refuses.
   */
  lead(target: PortTarget | undefined): void;
  /**
   * Give these back, or all that are left; connections through the relay are cut. What was given back already is
   * no failure.
   */
  release(bindings?: readonly PortBinding[]): Promise<void>;
}

/** The host ports of the engine. */
export interface HostPorts {
  /**
   * Take all of them, or none.
   * @param defaults host addresses for requests without one
   * @throws conflict, `Bind for 0.0.0.0:8080 failed: port is already allocated`; invalid
   */
  take(requests: readonly PublishRequest[], defaults: readonly Address[]): Promise<PortLease>;
  /**
   * Take again what an earlier engine had given. The kernel translates these already, so one that is taken by
   * another program meanwhile is no failure, but a warning of the lease.
   */
  retake(bindings: readonly PortBinding[]): Promise<PortLease>;
  /**
   * Whom the relay serves, of those who reach it: its sockets are the host's own, so that no rule about what is
   * forwarded keeps anyone from them. All, until told.
   */
  screen(admits: (peer: SocketAddress) => boolean): void;
  /** Let go of all sockets; the kernel goes on translating. */
  stop(): Promise<void>;
}
