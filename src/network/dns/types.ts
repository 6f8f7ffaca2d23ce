/** The embedded DNS: a resolver at 127.0.0.11 in every sandbox that is on a user-defined network. */
import type { EndpointID, NetworkID, SandboxID } from "../../lib/ids.ts";
import type { Address } from "../../lib/ip.ts";
import type { NetnsPath } from "../../linux/plan.ts";

/** Where sandboxes find their resolver. */
export const RESOLVER_ADDRESS: Address = { family: 4, bits: 0x7f00000bn };

/**
 * The port behind it in every sandbox: rules in the sandbox translate 53 to it, so that the container's own
 * port 53 stays free. Outside the ephemeral range, and no program's by convention.
 */
export const RESOLVER_PORT = 65353;

/** A server that queries are forwarded to. */
export interface Upstream {
  readonly address: Address;
  /** 53 by default. */
  readonly port?: number;
  /** Asked from the host's namespace, since it listens on the host's loopback; else from the sandbox's own. */
  readonly fromHost: boolean;
}

/** What a sandbox resolves, and how. */
export interface DnsSandbox {
  readonly id: SandboxID;
  readonly key: NetnsPath;
  /** User-defined networks that it is on, in the order of their endpoints: names are looked up in each. */
  readonly networks: readonly NetworkID[];
  /** Names of its own for endpoints of those networks (`--link container:alias`), lower or upper case. */
  readonly links: readonly { readonly alias: string; readonly endpoint: EndpointID }[];
  /** In order; none where nothing may be forwarded, since all its networks are internal. */
  readonly upstreams: readonly Upstream[];
  /**
   * `ndots` of its resolv.conf where the user set it. Above 0, unknown names of one label are not forwarded but
   * answered empty, so that clients go on with their search domains.
   */
  readonly ndots?: number;
}

/** What is to be found of an endpoint. */
export interface DnsEndpoint {
  readonly id: EndpointID;
  readonly network: NetworkID;
  readonly networkName: string;
  /** Its container's name first: PTR answers `<name>.<network>`; then aliases, short id, hostname. */
  readonly names: readonly string[];
  readonly addresses: readonly Address[];
}

/** All sandboxes are served by one thread of their own. Calls take effect in order. */
export interface Dns {
  /** A sandbox will be served before long: what takes time for the first one is begun. */
  prepare(): void;
  /** Serve a sandbox, or change how it is served. Its namespace has the rules already. @throws KernelError */
  serve(sandbox: DnsSandbox): Promise<void>;
  /** Its sockets are closed when this resolves. Unknown ones are no failure. */
  forget(sandbox: SandboxID): Promise<void>;
  /** Make an endpoint's names known, or change them; resolves when they are answered. */
  announce(endpoints: readonly DnsEndpoint[]): Promise<void>;
  withdraw(endpoints: readonly EndpointID[]): Promise<void>;
  stop(): Promise<void>;
}
