/** What there is while the engine runs: networks, and sandboxes on their way up, down, or open. */
import { internal, invalid, notFound } from "../lib/errors.ts";
import type { ContainerID, NetworkID } from "../lib/ids.ts";
import type { Prefix } from "../lib/ip.ts";
import type { PortLease } from "./port/types.ts";
import type { SandboxRecord } from "./state.ts";
import type { Endpoint, Network, Sandbox } from "./types.ts";

export type FindNetwork = (endpoint: Pick<Endpoint, "id" | "network" | "networkName">) => Network;

/** A sandbox on its way: its addresses are taken from the first moment to the last. */
export interface Entry {
  record: SandboxRecord;
  phase: "opening" | "open" | "closing";
  /** An endpoint that is being joined: its addresses are taken already. */
  joining?: Endpoint;
  /** The host ports that it holds. */
  leases: readonly PortLease[];
}

export class Ledger {
  networks: readonly Network[] = [];
  /** The engine's own unique local prefix: IPv6 subnets come from here by default. */
  ula: Prefix = { address: { family: 6, bits: 0xfdn << 120n }, length: 48 };
  /** Networks that could not be made on this host, and why. */
  unusable: ReadonlyMap<NetworkID, string> = new Map();
  /** Forwarding between links that are not ours is dropped, since the engine turned it on. */
  closed: { readonly 4: boolean; readonly 6: boolean } = { 4: false, 6: false };
  readonly entries = new Map<ContainerID, Entry>();

  /** By id, name, or unambiguous prefix of an id. @throws not-found, invalid */
  find = (reference: string): Network => findNetwork(this.networks, reference);

  networkOf: FindNetwork = (endpoint) => networkFinder(this.networks)(endpoint);

  /** Of a container that is up, or on its way down. */
  sandboxOf(container: ContainerID): Sandbox | undefined {
    const entry = this.entries.get(container);
    return entry && entry.phase !== "opening" ? entry.record.sandbox : undefined;
  }

  endpointsOf(network: NetworkID): readonly Endpoint[] {
    return this.standing().flatMap(({ sandbox }) =>
      sandbox.endpoints.filter((endpoint) => endpoint.network === network),
    );
  }

  /** All that have addresses of a network, those on their way up or down included. */
  holdersOf(network: NetworkID): readonly Endpoint[] {
    return [...this.entries.values()]
      .flatMap(({ record, joining }) => [...record.sandbox.endpoints, ...(joining ? [joining] : [])])
      .filter((endpoint) => endpoint.network === network);
  }

  /** What stands in the kernel. */
  standing(): readonly SandboxRecord[] {
    return [...this.entries.values()].flatMap(({ phase, record }) => (phase === "opening" ? [] : [record]));
  }
}

/** @throws internal for an endpoint whose network is not among these */
export const networkFinder =
  (networks: readonly Network[]): FindNetwork =>
  (endpoint) => {
    const network = networks.find(({ id }) => id === endpoint.network);
    if (!network) throw internal(`endpoint ${endpoint.id}: its network ${endpoint.networkName} is gone`);
    return network;
  };

/** By id, name, or unambiguous prefix of an id. @throws not-found, invalid */
function findNetwork(networks: readonly Network[], reference: string): Network {
  const exact =
    networks.find(({ id }) => id === reference) ?? networks.find(({ name }) => name === reference);
  if (exact) return exact;
  const matches = networks.filter(({ id }) => reference !== "" && id.startsWith(reference));
  if (matches.length > 1) {
    throw invalid(`network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`);
  }
  if (!matches[0]) throw notFound(`network ${reference} not found`);
  return matches[0];
}
