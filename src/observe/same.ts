/** Whether two readings tell the same. Counters don't count: they grow with every packet. */
import type { Namespace } from "./types.ts";

/** What changes with traffic alone. */
const PASSING: ReadonlySet<string> = new Set(["counters", "connectionCount", "connections"]);

/** Of rules, the generation tells: each transaction makes another. */
export function sameNamespace(a: Namespace, b: Namespace): boolean {
  if (a.nft.generation !== b.nft.generation || a.nft.tables.length !== b.nft.tables.length) return false;
  const { nft: _, ...first } = a;
  const { nft: __, ...second } = b;
  return same(first, second);
}

/** Deep, of plain values, arrays, maps and bytes. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || a instanceof Uint8Array) {
    const other = b as ArrayLike<unknown>;
    return a.length === other.length && Array.from(a).every((one, i) => same(one, other[i]));
  }
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size && [...a].every(([key, one]) => same(one, b.get(key)));
  }
  const keys = Object.keys(a).filter((key) => !PASSING.has(key));
  const others = Object.keys(b).filter((key) => !PASSING.has(key));
  return (
    keys.length === others.length &&
    keys.every((key) => same(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}
