/** Which networks a list shows, and which a prune removes (Engine API, "List networks", "Delete unused networks"). */
import { invalid } from "../lib/errors.ts";
import type { Network, Networks } from "../network/types.ts";
import { type Filters, matcherOf, matchesLabel } from "./filters.ts";
import { isBuiltIn } from "./network-modes.ts";
import { prunable } from "./prune-filters.ts";

export const NETWORK_FILTERS: ReadonlySet<string> = new Set([
  "dangling",
  "driver",
  "id",
  "label",
  "name",
  "scope",
  "type",
]);

const kindOf = (network: Network): string => (isBuiltIn(network.name) ? "builtin" : "custom");

/** Names and ids pass by a part of them, or an expression. @throws invalid */
export function selectNetworks(networks: Networks, filters: Filters): Network[] {
  const dangling = filters.boolean("dangling");
  const wrong = filters.of("type").find((type) => type !== "builtin" && type !== "custom");
  if (wrong !== undefined) throw invalid(`invalid filter: 'type'='${wrong}'`);
  const [names, ids] = [filters.of("name").map(matcherOf), filters.of("id").map(matcherOf)];
  const some = (matchers: typeof names, text: string) =>
    matchers.length === 0 || matchers.some((matches) => matches(text));
  const isDangling = (network: Network) =>
    !isBuiltIn(network.name) && networks.endpointsOf(network.id).length === 0;
  return networks
    .list()
    .filter(
      (network) =>
        filters.some("driver", (value) => value === network.driver) &&
        some(names, network.name) &&
        some(ids, network.id) &&
        filters.some("scope", (value) => value === "local") &&
        filters.some("type", (value) => value === kindOf(network)) &&
        filters.every("label", (value) => matchesLabel(network.labels, value)) &&
        (dangling === undefined || dangling === isDangling(network)),
    );
}

/**
 * What others are made from stays, as with dockerd.
 * @param now milliseconds since 1970
 * @throws invalid
 */
export function prunableNetwork(filters: Filters, now: number): (network: Network) => boolean {
  const passes = prunable(filters, now);
  return (network) => !network.configOnly && passes(network);
}
