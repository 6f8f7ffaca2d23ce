/** What engines say of their containers and networks: names for what the kernel has. Asked for, never written. */
import type { Address, Mac, Prefix } from "../../lib/ip.ts";

/** A network of an engine: `GET /networks` of the Docker Engine API. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  /** The host's bridge, where it has one. */
  readonly bridge?: string;
  readonly subnets: readonly { readonly subnet: Prefix; readonly gateway?: Address }[];
  readonly internal: boolean;
  /** Containers on it may speak with each other. */
  readonly icc: boolean;
  readonly ipv6: boolean;
  readonly mtu?: number;
  readonly options: Readonly<Record<string, string>>;
}

/** A container's place on a network: `NetworkSettings.Networks` of `GET /containers/{id}/json`. */
export interface EngineEndpoint {
  readonly network: string;
  readonly networkId: string;
  readonly addresses: readonly Prefix[];
  readonly gateways: readonly Address[];
  readonly mac?: Mac;
  readonly aliases: readonly string[];
}

/** A port of a container: `NetworkSettings.Ports` of the same. */
export interface EnginePort {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  /** Absent where it is exposed and not published. */
  readonly host?: { readonly address?: Address; readonly port: number };
}

/** A container: `GET /containers/{id}/json`. */
export interface EngineContainer {
  readonly engine: Engine["kind"];
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly state: string;
  /** Of its first process, in the engine's PID namespace; 0 where it doesn't run. */
  readonly pid: number;
  /** Its sandbox's pinned namespace, where the engine tells it. */
  readonly sandboxKey?: string;
  readonly networkMode: string;
  readonly endpoints: readonly EngineEndpoint[];
  readonly ports: readonly EnginePort[];
}

/** An engine, and all that it has. */
export interface Engine {
  readonly kind: "drawbridge" | "docker" | "podman";
  readonly socket: string;
  readonly version: string;
  readonly containers: readonly EngineContainer[];
  readonly networks: readonly EngineNetwork[];
}
