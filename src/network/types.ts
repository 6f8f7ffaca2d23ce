import type { ContainerID, EndpointID, NetworkID, SandboxID } from "../lib/ids.ts";
import type { Address, Mac, Prefix } from "../lib/ip.ts";
import type { LinkTraffic } from "../linux/kernel.ts";
import type { NetnsPath } from "../linux/plan.ts";
import type { ContainerPort, PortBinding, PublishRequest } from "./port/types.ts";

export type { ContainerPort, PortBinding, Protocol, PublishRequest } from "./port/types.ts";

export type DriverName = "bridge" | "host" | "null" | "macvlan";

/** One pool of a network (Docker's IPAMConfig). */
export interface Pool {
  readonly subnet: Prefix;
  /** Absent where the network has none to offer (a macvlan network may do without). */
  readonly gateway?: Address;
  readonly range?: Prefix;
  readonly auxiliary: Readonly<Record<string, Address>>;
  /** Not the user's choice: then containers can't ask for an address of it either, as with Docker. */
  readonly automatic?: boolean;
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
  /** Settings for others to be made from, and nothing in the kernel. */
  readonly configOnly?: boolean;
  /** The name of the config-only network that it was made from. */
  readonly configFrom?: string;
  readonly ipam: {
    readonly driver: string;
    /** Null where none were given. */
    readonly options: Readonly<Record<string, string>> | null;
    /** IPv4 first; several of a family are given out in order. None with the `null` IPAM driver. */
    readonly pools: readonly Pool[];
  };
  /** As Docker names them: `com.docker.network.bridge.name` …; those that the user gave, and the driver's own. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** What its driver must remember of its making, to take away no more than it made. */
  readonly made?: Readonly<Record<string, string>>;
}

/** What is asked of a new network (Engine API, "Create a network"). What the client left out is left out. */
export interface NetworkRequest {
  readonly name: string;
  readonly driver?: string;
  readonly scope?: string;
  readonly ingress?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly configOnly?: boolean;
  readonly configFrom?: string;
  readonly ipam?: {
    readonly driver?: string;
    readonly options?: Readonly<Record<string, string>>;
    readonly config?: readonly PoolRequest[];
  };
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface CreatedNetwork {
  readonly network: Network;
  /** What the user should know of what was left out; empty where nothing was. */
  readonly warning: string;
}

/** As written by the user. */
export interface PoolRequest {
  readonly subnet?: string;
  readonly range?: string;
  readonly gateway?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
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
  /** On the host: `veth1a2b3c4`. Absent where there is no such end (macvlan). */
  readonly hostInterface?: string;
  readonly ifindex?: number;
  readonly peerIfindex?: number;
  readonly mac?: Mac;
  /** IPv4. */
  readonly address?: Prefix;
  readonly address6?: Prefix;
  /** Further ones, of the user's choice: of its link alone, by no subnet of the network's. */
  readonly linkLocal?: readonly Prefix[];
  /** What the network offers as a way out: which endpoint's is taken, the sandbox decides. */
  readonly gateway?: Address;
  readonly gateway6?: Address;
  /** As the user gave them. */
  readonly aliases: readonly string[];
  /** All that the embedded DNS answers: container name, aliases, short id, hostname. */
  readonly dnsNames: readonly string[];
  /** `--gw-priority`: the highest gives the default route; 0 by default. */
  readonly gatewayPriority?: number;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly links?: readonly ContainerLink[];
}

/** `--link container:alias`. */
export interface ContainerLink {
  /** Its id; or the name of one that was not there yet. */
  readonly container: string;
  /** The one that it was written by: once that container is gone, the link leads to whoever has it then. */
  readonly name?: string;
  readonly alias: string;
}

/** A container's network namespace with what is in it. */
export interface Sandbox {
  readonly id: SandboxID;
  readonly container: ContainerID;
  /** SandboxKey. The host's own namespace for `host`; another container's for `container:`. */
  readonly key: NetnsPath;
  readonly mode: "own" | "host" | "shared";
  /** In the order in which they were joined: `eth0` first. */
  readonly endpoints: readonly Endpoint[];
  /** Published ports; those that no network carries at the moment included. */
  readonly ports: readonly PortBinding[];
  /** Ports that the image or the user exposes: with `icc=false` a link opens these. */
  readonly exposed: readonly ContainerPort[];
}

/** What a container asks of one network (Docker's EndpointSettings, as far as a user sets them). */
export interface EndpointRequest {
  /** Name or id. */
  readonly network: string;
  readonly aliases?: readonly string[];
  readonly address?: Address;
  readonly address6?: Address;
  readonly linkLocal?: readonly Address[];
  readonly mac?: Mac;
  readonly links?: readonly ContainerLink[];
  /** `com.docker.network.endpoint.sysctls`, `com.docker.network.endpoint.ifname`. */
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly gatewayPriority?: number;
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
  /** Ports to publish, `-P` resolved; none in `host` and `container` mode. */
  readonly ports: readonly PublishRequest[];
  readonly exposed: readonly ContainerPort[];
}

/** The networks of the engine: its controller. */
export interface Networks {
  /** Bring the kernel to what the store says: sysctls, rules, networks; sandboxes of the dead are freed. */
  start(alive: ReadonlySet<ContainerID>): Promise<void>;
  /** Stop watching, answering DNS and holding ports. Networks, sandboxes and rules stay in the kernel. */
  stop(): Promise<void>;
  /** What a user should know of this host's network, a sentence each: another table drops what we forward … */
  warnings(): readonly string[];
  list(): readonly Network[];
  /** By name, id, or unambiguous prefix of an id. @throws not-found, invalid where a prefix is ambiguous */
  find(reference: string): Network;
  /**
   * Check it whole, make it, record it, tell of it.
   * @throws conflict, forbidden, invalid, not-built-in in Docker's words
   */
  create(request: NetworkRequest): Promise<CreatedNetwork>;
  /** @throws forbidden where it is a default network, or in use, naming by whom; not-found */
  remove(reference: string): Promise<void>;
  /** Remove user-defined networks without endpoints, of which `select` is true. @returns those removed */
  prune(select: (network: Network) => boolean): Promise<readonly Network[]>;
  endpointsOf(network: NetworkID): readonly Endpoint[];
  sandboxOf(container: ContainerID): Sandbox | undefined;
  /** What went through the interfaces of a container's networks; none where it has no namespace of its own. */
  trafficOf(container: ContainerID): Promise<readonly LinkTraffic[]>;
  /**
   * Refuse what can never work, before anything is made (conflicting options, addresses that are none …).
   * What depends on a network surfaces in `openSandbox`, as Docker has it: one that does not exist, `--ip`
   * on the default bridge.
   * @throws invalid
   */
  check(request: Pick<SandboxRequest, "mode" | "dns" | "extraHosts" | "sysctls" | "ports">): void;
  /** The sandbox, whole and ready for traffic, or an error and nothing left behind. */
  openSandbox(request: SandboxRequest): Promise<Sandbox>;
  /** Take it all down; resolves when the host's ends of the pairs are gone. A container without one is no failure. */
  closeSandbox(container: ContainerID): Promise<void>;
  /**
   * Refuse an attachment that can't be: to the host network, twice, an address outside; for a container that
   * may not be running.
   * @throws invalid, forbidden, not-found
   */
  checkConnect(
    request: EndpointRequest,
    container: { readonly name: string; readonly networks: readonly string[] },
  ): Network;
  /** Attach an open sandbox to one network more. @throws conflict where there is none open; as `openSandbox` */
  connect(container: ContainerID, request: EndpointRequest): Promise<Sandbox>;
  /** Take an open sandbox off a network; past failures where `force`. @throws not-found where it isn't on it */
  disconnect(
    container: ContainerID,
    network: NetworkID,
    options: { readonly force: boolean },
  ): Promise<Sandbox>;
  /** Publish more ports of an open sandbox. @throws conflict */
  publish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox>;
  /**
   * Close published ports, and what connections go through them: those that a request names by host port, or all
   * of a container's port where it names none.
   * @throws not-found where there is no such one
   */
  unpublish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox>;
  /** The container has a new name: it shows in inspect, hosts, DNS, and the link's alias from now on. */
  renameContainer(container: ContainerID, name: string): Promise<void>;
}
