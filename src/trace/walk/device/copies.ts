/** One frame to several: what becomes of all copies. */
import { type Fate, together, UNANSWERED, weight } from "../fate.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

/**
 * Of a packet, the way of the copy that gets furthest is told, as if the others had not been; of a question to neighbours,
 * what everybody answers.
 */
export function copies(walk: Walk, skb: Skb, ways: readonly (() => Fate)[]): Fate {
  if (skb.bears === "discovery") return ways.length === 0 ? UNANSWERED : together(ways.map((way) => way()));
  const [only] = ways;
  if (only && ways.length === 1) return only();
  const start = walk.save();
  let best: { readonly fate: Fate; readonly end: ReturnType<Walk["save"]> } | undefined;
  for (const way of ways) {
    walk.restore(start);
    const fate = way();
    if (!best || weight(fate) > weight(best.fate)) best = { fate, end: walk.save() };
    if (weight(fate) >= weight({ end: "reached" })) break;
  }
  if (!best) return { end: "dropped", reason: { code: "wrong-mac", text: "there is nobody to send it to" } };
  walk.restore(best.end);
  return best.fate;
}
