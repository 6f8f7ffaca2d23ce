/** What addresses are called: by whose they are. */
import { type Address, formatAddress } from "../lib/ip.ts";
import { isLinkLocal, isLoopback } from "../lib/ip-kinds.ts";
import type { Topology } from "../observe/types.ts";

export type NameOf = (address: Address) => string | undefined;

/**
 * Addresses with the name of the one namespace that has them: a container's, or `host`. An address that two have names
 * neither.
 */
export function namesOf(topology: Topology): ReadonlyMap<string, readonly [Address, string]> {
  const names = new Map<string, readonly [Address, string]>();
  const shared = new Set<string>();
  for (const namespace of topology.namespaces.values()) {
    for (const { address: prefix } of namespace.addresses) {
      const { address } = prefix;
      // Everybody has the one; the other is of one link alone, so it names nobody by itself.
      if (isLoopback(address) || isLinkLocal(address)) continue;
      const text = formatAddress(address);
      const known = names.get(text);
      if (known && known[1] !== namespace.name) shared.add(text);
      names.set(text, [address, namespace.name]);
    }
  }
  for (const text of shared) names.delete(text);
  return names;
}

export const nameOfIn =
  (names: ReadonlyMap<string, readonly [Address, string]>): NameOf =>
  (address) =>
    names.get(formatAddress(address))?.[1];

export const numeric: NameOf = () => undefined;
