/** The way of a packet through one base chain. */
import { allHold, type Packet } from "./packet.ts";
import type { Chain, Rule, Table } from "./ruleset.ts";

/** Where a packet ends that is dropped. */
export interface Drop {
  readonly chain: Chain;
  /** Absent where it is the policy of the base chain. */
  readonly rule?: Rule;
  /** Rules that can't be decided here might have accepted it before. */
  readonly certain: boolean;
}

/** What comes of a chain where all that can't be decided does not hold; and what might. */
interface Outcome {
  readonly end: "accept" | "fall" | { readonly chain: Chain; readonly rule: Rule };
  readonly mayAccept: boolean;
  /** Out at the chain's end, to go on where it was called from. */
  readonly mayFall: boolean;
}

/**
 * Where `packet` is dropped on its way through `base`; undefined where it isn't. Rules that can't be decided are
 * taken for not met: a drop by one of them is somebody's own, about something that isn't ours.
 */
export function dropOf(table: Table, base: Chain, packet: Packet): Drop | undefined {
  const { end, mayAccept, mayFall } = walk(table, base, packet, new Map());
  if (end === "accept") return undefined;
  if (end !== "fall") return { ...end, certain: !mayAccept && !(mayFall && base.policy === "accept") };
  return base.policy === "drop" ? { chain: base, certain: !mayAccept } : undefined;
}

const NOWHERE: Outcome = { end: "fall", mayAccept: false, mayFall: true };

/** @param seen chains that were walked already: their outcomes are the same every time */
function walk(table: Table, chain: Chain, packet: Packet, seen: Map<string, Outcome>): Outcome {
  const known = seen.get(chain.name);
  if (known) return known;
  // The kernel refuses loops, but what is read piece by piece may be of two moments.
  seen.set(chain.name, NOWHERE);
  const outcome = walkRules(table, chain, packet, seen);
  seen.set(chain.name, outcome);
  return outcome;
}

function walkRules(table: Table, chain: Chain, packet: Packet, seen: Map<string, Outcome>): Outcome {
  let [mayAccept, mayFall] = [false, false];
  const ends = (end: Outcome["end"]): Outcome => ({ end, mayAccept, mayFall });
  for (const rule of chain.rules) {
    const met = allHold(rule.matches, packet);
    if (met === false) continue;
    const { action } = rule;
    switch (action.do) {
      case "accept":
        if (met) return ends("accept");
        mayAccept = true;
        break;
      case "drop":
        if (met) return ends({ chain, rule });
        break;
      case "return":
        if (met) return ends("fall");
        mayFall = true;
        break;
      case "unknown":
        mayAccept = true;
        break;
      case "jump":
      case "goto": {
        const target = table.chains.get(action.chain);
        const inner = target ? walk(table, target, packet, seen) : NOWHERE;
        mayAccept ||= inner.mayAccept || (!met && inner.end === "accept");
        if (met && inner.end !== "fall") return { ...ends(inner.end), mayFall: mayFall || inner.mayFall };
        if (action.do === "jump") break;
        if (met) return ends("fall");
        mayFall = true;
      }
    }
  }
  return { end: "fall", mayAccept, mayFall: true };
}
