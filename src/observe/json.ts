/**
 * A topology as JSON for programs; `docs/topology.md` has its form, which stays. Fields are called as `types.ts` calls them;
 * addresses and prefixes are text, counters numbers, settings an object by their keys.
 */
import { formatAddress, formatPrefix } from "../lib/ip.ts";
import { isObject } from "../lib/is-object.ts";
import type { NftChain, NftRuleset } from "../linux/nftables/program.ts";
import type { XtTable } from "../linux/xtables/types.ts";
import type { Namespace, Topology } from "./types.ts";

/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Pure. */
export const topologyToJson = ({ readAt, host, engines, namespaces, unread }: Topology): Json => ({
  readAt,
  host,
  unread,
  engines: plain(engines),
  namespaces: [...namespaces.values()].map(namespaceToJson),
});

function namespaceToJson({ id, name, container, sysctls, nft, xtables, ...told }: Namespace): Json {
  return {
    inode: id,
    name,
    ...(container && { container: { engine: container.engine, id: container.id, name: container.name } }),
    ...(plain(told) as Record<string, Json>),
    sysctls: Object.fromEntries(sysctls),
    nft: nftToJson(nft),
    xtables: xtables.map(xtablesToJson),
  };
}

/** What rules there are, and where; what they say is libnftables' to tell, by their handles. */
const nftToJson = ({ generation, tables }: NftRuleset): Json => ({
  generation,
  tables: tables.map(({ family, name, handle, dormant, owned, chains, sets }) => ({
    family,
    name,
    handle,
    dormant,
    owned,
    chains: [...chains.values()].map(chainToJson),
    sets: [...sets.values()].map((set) => ({ name: set.name, map: set.map, anonymous: set.anonymous })),
  })),
});

const chainToJson = ({ name, handle, base, rules }: NftChain): Json => ({
  name,
  handle,
  ...(base && { base: plain(base) }),
  rules: rules.map((rule) => ({
    handle: rule.handle,
    ...(rule.comment !== undefined && { comment: rule.comment }),
  })),
});

const xtablesToJson = ({ family, name, chains }: XtTable): Json => ({
  family,
  name,
  chains: [...chains.values()].map((chain) => ({
    name: chain.name,
    ...(chain.base && { base: plain(chain.base) }),
    rules: chain.rules.length,
  })),
});

/** Whatever the kernel or an engine told. */
function plain(value: unknown): Json {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value as Json;
  const { bits, address, length, family } = value;
  if (typeof bits === "bigint" && (family === 4 || family === 6)) return formatAddress({ family, bits });
  if (typeof length === "number" && isObject(address) && typeof address.bits === "bigint") {
    return formatPrefix(value as unknown as Parameters<typeof formatPrefix>[0]);
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, plain(one)]])),
  );
}
