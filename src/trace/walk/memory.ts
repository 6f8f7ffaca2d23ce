/** What a walk leaves behind in the kernels that it passes, and meets again on its way back. */
import type { Address, Mac } from "../../lib/ip.ts";
import { keyOf } from "../../observe/place.ts";
import type { LinkRef, NamespaceId } from "../../observe/types.ts";
import type { Tuple } from "./conntrack/tuple.ts";

/** struct nf_conn. */
export interface Connection {
  readonly id: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** IPS_*, linux/netfilter/nf_conntrack_common.h. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
}

const neighbourKey = ({ namespace, ifindex }: LinkRef, address: Address) =>
  `${namespace} ${ifindex} ${keyOf(address)}`;

export class Memory {
  readonly #ports: Map<string, number>;
  readonly #neighbours: Map<string, Mac>;
  readonly #connections: Map<NamespaceId, readonly Connection[]>;

  constructor(from?: Memory) {
    this.#ports = new Map(from ? from.#ports : []);
    this.#neighbours = new Map(from ? from.#neighbours : []);
    this.#connections = new Map(from ? from.#connections : []);
  }

  /** By which port of a bridge a MAC address was seen. */
  portOf(bridge: LinkRef, mac: Mac): number | undefined {
    return this.#ports.get(`${bridge.namespace} ${bridge.ifindex} ${mac}`);
  }

  learnPort(bridge: LinkRef, mac: Mac, port: number): void {
    this.#ports.set(`${bridge.namespace} ${bridge.ifindex} ${mac}`, port);
  }

  neighbour(link: LinkRef, address: Address): Mac | undefined {
    return this.#neighbours.get(neighbourKey(link, address));
  }

  learnNeighbour(link: LinkRef, address: Address, mac: Mac): void {
    this.#neighbours.set(neighbourKey(link, address), mac);
  }

  connections(namespace: NamespaceId): readonly Connection[] {
    return this.#connections.get(namespace) ?? [];
  }

  connection(namespace: NamespaceId, id: number): Connection | undefined {
    return this.#connections.get(namespace)?.[id];
  }

  track(namespace: NamespaceId, made: Omit<Connection, "id">): Connection {
    const known = this.connections(namespace);
    const connection = { ...made, id: known.length };
    this.#connections.set(namespace, [...known, connection]);
    return connection;
  }

  change(namespace: NamespaceId, connection: Connection): void {
    this.#connections.set(namespace, this.connections(namespace).with(connection.id, connection));
  }
}
