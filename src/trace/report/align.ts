/** Which thing that was seen is which hop of the prediction: an alignment of two sequences by what both tell. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import type { Hop, Proof, RuleRef, Seen, Sight } from "../types.ts";

/** One side of a pair may be absent. */
export interface Pair {
  readonly hop?: Hop;
  readonly seen?: Seen;
}

const PORTED: ReadonlySet<number> = new Set([6, 17]);

/** Addresses, and the port that was asked for; the other is the prober's own choice, and a translation may change it. */
function sightKey(sight: Sight, direction: Hop["direction"]): string {
  const port = direction === "there" ? sight.destinationPort : sight.sourcePort;
  const asked = PORTED.has(sight.protocol) ? (port ?? "") : "";
  return `${formatAddress(sight.source)}>${formatAddress(sight.destination)}:${asked}`;
}

export const ruleKey = (rule: RuleRef): string =>
  rule.in === "nft"
    ? `${rule.namespace} nft ${rule.family} ${rule.table} ${rule.chain} ${rule.handle ?? "policy"}`
    : `${rule.namespace} xtables ${rule.family} ${rule.table} ${rule.chain} ${rule.number ?? "policy"}`;

/** What a tap, a rule's trace or a drop would be known by; undefined for decisions that leave no trace of their own. */
export function hopKey({ namespace, event, packet, direction }: Hop): string | undefined {
  switch (event.kind) {
    case "out":
    case "in":
      return `${direction} ${event.kind} ${namespace}/${event.link.ifindex} ${sightKey(packet, direction)}`;
    case "rule":
      return `${direction} ${ruleKey(event.rule)}`;
    case "drop":
      return `${direction} drop ${namespace}`;
    case "local":
      return direction === "back" ? "answer" : undefined;
    default:
      return undefined;
  }
}

export function seenKey(seen: Seen): string {
  const { direction, namespace } = seen;
  switch (seen.kind) {
    case "tap":
      return `${direction} ${seen.way} ${namespace}/${seen.link.ifindex} ${sightKey(seen.packet, direction)}`;
    case "rule":
      return `${direction} ${ruleKey(seen.rule)}`;
    case "drop":
      return `${direction} drop ${namespace}`;
    case "answer":
      return "answer";
  }
}

/**
 * Pairs in the order of both; where that can't be, as time stamps of two processors may cross, in the prediction's. Where
 * the two part, what was seen comes first, and what was predicted instead after it.
 */
export function align(hops: readonly Hop[], proof: Proof | undefined): readonly Pair[] {
  const all = proof?.seen ?? [];
  const hopKeys = hops.map(hopKey);
  const seenKeys = all.map(seenKey);
  const common = longestCommon(hopKeys, seenKeys);
  const late = strayPairs(hopKeys, seenKeys, common);
  const elsewhere = new Set(late.values());
  const pairs: Pair[] = [];
  let hop = 0;
  let next = 0;
  const passUntil = (hopEnd: number, seenEnd: number) => {
    for (; next < seenEnd; next += 1) {
      const seen = all[next];
      if (seen && !elsewhere.has(next)) pairs.push({ seen });
    }
    for (; hop < hopEnd; hop += 1) {
      const seen = all[late.get(hop) ?? -1];
      const one = hops[hop];
      if (one) pairs.push({ hop: one, ...(seen && { seen }) });
    }
  };
  for (const [i, j] of common) {
    passUntil(i, j);
    const [one, seen] = [hops[i], all[j]];
    if (one && seen) pairs.push({ hop: one, seen });
    [hop, next] = [i + 1, j + 1];
  }
  passUntil(hops.length, all.length);
  return pairs;
}

type Keys = readonly (string | undefined)[];

/** The longest common subsequence: from indexes of the one to indexes of the other. */
function longestCommon(left: Keys, right: Keys): ReadonlyMap<number, number> {
  const same = (i: number, j: number) => left[i] !== undefined && left[i] === right[j];
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = left.length - 1; i >= 0; i -= 1) {
    const row = lengths[i] ?? [];
    for (let j = right.length - 1; j >= 0; j -= 1) {
      row[j] = same(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs = new Map<number, number>();
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (same(i, j)) pairs.set(i++, j++);
    else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return pairs;
}

/** The same things, seen in another order than was predicted. */
function strayPairs(
  left: Keys,
  right: Keys,
  paired: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> {
  const taken = new Set(paired.values());
  const strays = new Map<number, number>();
  left.forEach((key, i) => {
    if (key === undefined || paired.has(i)) return;
    const j = right.findIndex((other, at) => other === key && !taken.has(at));
    if (j < 0) return;
    taken.add(j);
    strays.set(i, j);
  });
  return strays;
}
