/** Who has which name and address, network by network, with the record data of each answer at hand. */
import type { EndpointID, NetworkID } from "../../lib/ids.ts";
import { addressBytes, type Family } from "../../lib/ip.ts";
import { encodeName, Type } from "./message.ts";
import { nameKey } from "./names.ts";
import type { ResponseRecord } from "./response.ts";
import { reverseName } from "./reverse.ts";
import type { DnsEndpoint, DnsSandbox } from "./types.ts";

/** The addresses of a name. */
export interface Found {
  readonly four: readonly ResponseRecord[];
  readonly six: readonly ResponseRecord[];
}

/** From where names are looked up. */
export interface View {
  readonly networks: readonly NetworkID[];
  /** Endpoints by the key of their link's alias. */
  readonly links: ReadonlyMap<string, readonly EndpointID[]>;
}

export function viewOf({ networks, links }: Pick<DnsSandbox, "networks" | "links">): View {
  const byAlias = Map.groupBy(links, ({ alias }) => nameKey(alias));
  return {
    networks,
    links: new Map([...byAlias].map(([alias, ends]) => [alias, ends.map(({ endpoint }) => endpoint)])),
  };
}

interface Entry extends Found {
  readonly network: NetworkID;
  readonly networkKey: string;
  readonly names: readonly string[];
  /** Names of its addresses, and what they lead to. */
  readonly reverse: readonly string[];
  readonly pointer: ResponseRecord | undefined;
}

interface Network {
  /** Endpoints of each name, in the order of their announcement. */
  readonly names: Map<string, Set<Entry>>;
  /** What was found for a name, until its endpoints change. */
  readonly found: Map<string, Found>;
  /** Of several with one address, the last that was announced. */
  readonly reverse: Map<string, Set<Entry>>;
  /** Of the network itself; endpoints tell it. */
  key: string;
}

export class NameTable {
  readonly #entries = new Map<EndpointID, Entry>();
  readonly #networks = new Map<NetworkID, Network>();

  announce(endpoint: DnsEndpoint): void {
    this.withdraw(endpoint.id);
    const entry = entryOf(endpoint);
    this.#entries.set(endpoint.id, entry);
    const network = getOrMake(this.#networks, endpoint.network, () => newNetwork(entry.networkKey));
    network.key = entry.networkKey;
    for (const name of entry.names) {
      network.found.delete(name);
      getOrMake(network.names, name, () => new Set<Entry>()).add(entry);
    }
    for (const name of entry.reverse) getOrMake(network.reverse, name, () => new Set<Entry>()).add(entry);
  }

  withdraw(id: EndpointID): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    const network = this.#networks.get(entry.network);
    if (!network) return;
    for (const name of entry.names) {
      network.found.delete(name);
      remove(network.names, name, entry);
    }
    for (const name of entry.reverse) remove(network.reverse, name, entry);
    if (network.names.size === 0 && network.reverse.size === 0) this.#networks.delete(entry.network);
  }

  /**
   * The addresses of a name; undefined where nobody in view has it. Docker's order: `a.b.c` on any network, `a.b` on
   * the network `c`, `a` on the network `b.c`; of each, links first, then networks in their order. Addresses of
   * one family are those of the first network that has one.
   */
  find(view: View, name: string): Found | undefined {
    let dot = name.length;
    while (dot > 0) {
      const found = this.#findOn(view, name.slice(0, dot), name.slice(dot + 1));
      if (found) return found;
      dot = name.lastIndexOf(".", dot - 1);
    }
    return undefined;
  }

  /** `<name>.<network>` of who has the address that a PTR query names. */
  reverse(view: View, name: string): ResponseRecord | undefined {
    for (const id of view.networks) {
      const entries = this.#networks.get(id)?.reverse.get(name);
      const pointer = entries && [...entries].at(-1)?.pointer;
      if (pointer) return pointer;
    }
    return undefined;
  }

  #findOn(view: View, name: string, networkKey: string): Found | undefined {
    let first: Found | undefined;
    const linked = view.links.size > 0 ? view.links.get(name) : undefined;
    for (const id of linked ?? []) {
      const entry = this.#entries.get(id);
      if (entry && (networkKey === "" || entry.networkKey === networkKey)) first = join(first, entry);
    }
    if (first) return first;
    for (const id of view.networks) {
      const network = this.#networks.get(id);
      if (!network || (networkKey !== "" && network.key !== networkKey)) continue;
      const entries = network.names.get(name);
      if (!entries) continue;
      const found = getOrMake(network.found, name, () => gather(entries));
      if (found.four.length > 0 && found.six.length > 0 && !first) return found;
      first = join(first, found);
    }
    return first;
  }
}

const newNetwork = (key: string): Network => ({
  names: new Map(),
  found: new Map(),
  reverse: new Map(),
  key,
});

function entryOf(endpoint: DnsEndpoint): Entry {
  const pointer = encodeName(nameKey(`${endpoint.names[0] ?? ""}.${endpoint.networkName}`));
  const records = (family: Family, type: number) =>
    endpoint.addresses
      .filter((address) => address.family === family)
      .map((address) => ({ type, data: addressBytes(address) }));
  return {
    network: endpoint.network,
    networkKey: nameKey(endpoint.networkName),
    names: [...new Set(endpoint.names.map(nameKey))],
    four: records(4, Type.A),
    six: records(6, Type.AAAA),
    reverse: endpoint.addresses.map(reverseName),
    pointer: pointer && { type: Type.PTR, data: pointer },
  };
}

function gather(entries: Iterable<Entry>): Found {
  const all = [...entries];
  return { four: all.flatMap(({ four }) => four), six: all.flatMap(({ six }) => six) };
}

/** Of each family, the first that there are. */
function join(first: Found | undefined, next: Found): Found {
  if (!first) return next;
  return {
    four: first.four.length > 0 ? first.four : next.four,
    six: first.six.length > 0 ? first.six : next.six,
  };
}

/** The value of `key`, made where there is none. */
function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}

function remove(map: Map<string, Set<Entry>>, name: string, entry: Entry): void {
  const entries = map.get(name);
  if (entries?.delete(entry) && entries.size === 0) map.delete(name);
}
