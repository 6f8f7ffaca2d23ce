/** A routing table: fib_table_lookup (net/ipv4/fib_trie.c) and fib6_table_lookup (net/ipv6/route.c). */
import { type Address, contains, type Family, firstOf } from "../../../lib/ip.ts";
import { memoBy } from "../../../lib/memo.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, NextHop, ObservedRoute } from "../../../observe/types.ts";
import { sysctl } from "../settings.ts";
import { NEXT_HOP_DEAD, NEXT_HOP_LINKDOWN, type Query } from "./query.ts";

/** Routes of one prefix length by their prefix's bits, each list in the order of preference. */
interface Level {
  readonly length: number;
  readonly byBits: ReadonlyMap<bigint, readonly ObservedRoute[]>;
}

/** The longest prefixes first. */
type Table = readonly Level[];

const tableKey = (family: Family, table: number): number => table * 10 + family;

const preference = (a: ObservedRoute, b: ObservedRoute): number => b.tos - a.tos || a.metric - b.metric;

function levelsOf(routes: readonly ObservedRoute[]): Table {
  const lengths = Map.groupBy(routes, ({ to }) => to.length);
  return [...lengths]
    .sort(([a], [b]) => b - a)
    .map(([length, all]) => {
      const byBits = Map.groupBy(all, ({ to }) => firstOf(to).bits);
      for (const list of byBits.values()) list.sort(preference);
      return { length, byBits };
    });
}

const tablesOf = memoBy((namespace: Namespace): ReadonlyMap<number, () => Table> => {
  const tables = new Map<number, () => Table>();
  const grouped = Map.groupBy(namespace.routes, ({ family, table }) => tableKey(family, table));
  for (const [key, routes] of grouped) {
    let table: Table | undefined;
    tables.set(key, () => {
      table ??= levelsOf(routes);
      return table;
    });
  }
  return tables;
});

const maskedBits = ({ family, bits }: Address, length: number): bigint => {
  const rest = BigInt((family === 4 ? 32 : 128) - length);
  return (bits >> rest) << rest;
};

/** Dead ones, those without a cable where they are to be ignored, and those by another link than asked for, don't count. */
function usable(namespace: Namespace, hop: NextHop, query: Query): boolean {
  if (hop.flags & NEXT_HOP_DEAD) return false;
  if (query.out !== undefined && hop.ifindex !== query.out) return false;
  if (!(hop.flags & NEXT_HOP_LINKDOWN) || hop.ifindex === undefined) return true;
  const name = placeOf(namespace).link(hop.ifindex)?.name ?? "all";
  const key = `net.ipv${query.family}.conf.${name}.ignore_routes_with_linkdown`;
  const all = `net.ipv${query.family}.conf.all.ignore_routes_with_linkdown`;
  return sysctl(namespace, key) === 0 && sysctl(namespace, all) === 0;
}

export interface TableMatch {
  readonly route: ObservedRoute;
  readonly hops: readonly NextHop[];
}

/** The longest prefix, then TOS, then the lowest metric: the first of those that leads anywhere, or says that it does not. */
export function lookupTable(namespace: Namespace, table: number, query: Query): TableMatch | undefined {
  const levels = tablesOf(namespace).get(tableKey(query.family, table))?.() ?? [];
  for (const { length, byBits } of levels) {
    for (const route of byBits.get(maskedBits(query.to, length)) ?? []) {
      if (route.tos !== 0 && route.tos !== (query.tos ?? 0)) continue;
      if (route.from && !(query.from && contains(route.from, query.from))) continue;
      if (route.hops.length === 0) return { route, hops: [] };
      const hops = route.hops.filter((hop) => usable(namespace, hop, query));
      if (hops.length > 0) return { route, hops };
    }
  }
  return undefined;
}
