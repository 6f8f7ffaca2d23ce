import type { ContainerID, EndpointID, NetworkID, SandboxID } from "../lib/ids.ts";
import type { Address, Mac, Prefix } from "../lib/ip.ts";
import type { NetnsPath } from "../linux/plan.ts";

export type DriverName = "bridge" | "host" | "null";

/** One pool of a network (Docker's IPAMConfig). */
export interface Pool {
  readonly subnet: Prefix;
  readonly gateway: Address;
  readonly range?: Prefix;
  readonly auxiliary: Readonly<Record<string, Address>>;
}

/** A named layer-2 domain, as stored. */
export interface Network {
  readonly id: NetworkID;
  readonly name: string;
  readonly driver: DriverName;
  /** RFC 3339. */
  readonly created: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    readonly pools: readonly Pool[];
  };
  /** As Docker names them: `com.docker.network.bridge.name` … */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** One attachment of a sandbox to a network. */
export interface Endpoint {
  readonly id: EndpointID;
  readonly network: NetworkID;
  readonly networkName: string;
  readonly container: ContainerID;
  readonly containerName: string;
  /** In the sandbox: `eth0`. Absent on host and none networks. */
  readonly interfaceName?: string;
  /** On the host: `veth1a2b3c4`. */
  readonly hostInterface?: string;
  readonly ifindex?: number;
  readonly peerIfindex?: number;
  readonly mac?: Mac;
  readonly address?: Prefix;
  readonly gateway?: Address;
  readonly aliases: readonly string[];
  readonly dnsNames: readonly string[];
}

/** A container's network namespace with what is in it. */
export interface Sandbox {
  readonly id: SandboxID;
  readonly container: ContainerID;
  /** SandboxKey. The host's own namespace for `host`; another container's for `container:`. */
  readonly key: NetnsPath;
  readonly mode: "own" | "host" | "shared";
  readonly endpoints: readonly Endpoint[];
}

/** What a container asks of one network (Docker's EndpointSettings, as far as a user sets them). */
export interface EndpointRequest {
  /** Name or id. */
  readonly network: string;
  readonly aliases?: readonly string[];
  readonly address?: Address;
  readonly mac?: Mac;
}

/** What `openSandbox` needs to know of a container. */
export interface SandboxRequest {
  readonly container: ContainerID;
  readonly containerName: string;
  readonly hostname: string;
  readonly domainname: string;
  /** `own` namespace with these endpoints; the `host`'s; or that of another running container. */
  readonly mode:
    | { readonly kind: "own"; readonly endpoints: readonly EndpointRequest[] }
    | { readonly kind: "host" }
    | { readonly kind: "container"; readonly container: ContainerID };
  /**
   * An existing directory in which `hosts` and `resolv.conf` are written, and kept up to date while the sandbox
   * is open. In `container` mode nothing is written: who shares a namespace sees its owner's files.
   */
  readonly directory: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `name:address`, where `host-gateway` stands for the host's own address. */
  readonly extraHosts: readonly string[];
  /** `net.*` sysctls for the new namespace. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** The networks of the engine: its controller. */
export interface Networks {
  /** Bring the kernel to what the store says: sysctls, rules, default networks; sandboxes of the dead are freed. */
  start(alive: ReadonlySet<ContainerID>): Promise<void>;
  /** Stop watching files. Networks, sandboxes and rules stay in the kernel. */
  stop(): Promise<void>;
  list(): readonly Network[];
  /** By name, id, or unambiguous prefix of an id. @throws not-found, invalid where a prefix is ambiguous */
  find(reference: string): Network;
  endpointsOf(network: NetworkID): readonly Endpoint[];
  sandboxOf(container: ContainerID): Sandbox | undefined;
  /**
   * Refuse what can never work, before anything is made (conflicting options, addresses that are none …).
   * What depends on a network surfaces in `openSandbox`, as Docker has it: one that does not exist, `--ip`
   * on the default bridge.
   * @throws invalid
   */
  check(request: Pick<SandboxRequest, "mode" | "dns" | "extraHosts" | "sysctls">): void;
  /** The sandbox, whole and ready for traffic, or an error and nothing left behind. */
  openSandbox(request: SandboxRequest): Promise<Sandbox>;
  /** Take it all down; resolves when the host's ends of the pairs are gone. A container without one is no failure. */
  closeSandbox(container: ContainerID): Promise<void>;
  /** The container has a new name: it shows in inspect, hosts, and the link's alias from now on. */
  renameContainer(container: ContainerID, name: string): Promise<void>;
}
