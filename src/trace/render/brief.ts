/** Of the lines of a report those that a person needs: links, ways, and what decided or changed something. Pure. */
import { ruleKey } from "../report/align.ts";
import type { DropReason, Hop, Row, RuleRef } from "../types.ts";

export interface Brief {
  readonly row: Row;
  /** Of a rule that decided: the chain that the hook asked, and those that led on to the rule's own. */
  readonly by?: Decision;
}

export interface Decision {
  readonly hook: string;
  /** Its chain is the whole way to it: `FORWARD > DOCKER-USER`. */
  readonly rule: RuleRef;
  readonly does: string;
}

/** What it means that a packet goes on. */
const PASSING = /^(jump|goto|return|continue|log|trace|policy accept|no connection to mark)\b/;

export function briefly(rows: readonly Row[]): readonly Brief[] {
  const decisions = rows.map(decisionOf);
  return rows.flatMap((row, i): Brief[] => {
    const own = decisions[i];
    if (own)
      return isTold(row, own, rows.slice(i + 1)) ? [{ row, by: withWay(own, decisions.slice(0, i)) }] : [];
    if (!isNeeded(row)) return [];
    const at = decisions.findLastIndex((one, j) => j < i && one !== undefined && isOf(row, one.rule));
    const by = decisions[at];
    if (!by) return [{ row }];
    // What was seen is the rule: a translation leaves nothing else at its place.
    const seen = row.agree === "not watched" && rows[at]?.agree === "both";
    return [{ row: seen ? { ...row, agree: "both" } : row, by: withWay(by, decisions.slice(0, at)) }];
  });
}

function isOf(row: Row, rule: RuleRef): boolean {
  const own = ruleOf(row);
  return own !== undefined && ruleKey(own) === ruleKey(rule);
}

function decisionOf({ predicted, seen }: Row): Decision | undefined {
  if (predicted?.event.kind === "rule") return predicted.event;
  return seen?.kind === "rule" ? { hook: seen.hook, rule: seen.rule, does: seen.verdict } : undefined;
}

/** Of what was translated or dropped by one. */
function ruleOf({ predicted }: Row): RuleRef | undefined {
  const event = predicted?.event;
  if (event?.kind === "translate") return event.rule;
  return event?.kind === "drop" ? event.reason.rule : undefined;
}

const differs = ({ agree }: Row): boolean => agree === "predicted only" || agree === "seen only";

/** A rule that does something, unless what it does has a line of its own. */
function isTold(row: Row, { rule, does }: Decision, later: readonly Row[]): boolean {
  if (differs(row)) return true;
  if (PASSING.test(does)) return false;
  return !later.some((one) => isOf(one, rule) && directionOf(one) === directionOf(row));
}

const directionOf = ({ predicted, seen }: Row): Hop["direction"] | undefined =>
  predicted?.direction ?? seen?.direction;

/** Taps, ways there, and whatever went wrong: how each step came about is for those who ask. */
function isNeeded(row: Row): boolean {
  const event = row.predicted?.event;
  if (!event || differs(row)) return true;
  switch (event.kind) {
    case "route":
      return row.predicted?.direction === "there" && !/^(local|broadcast) /.test(event.text);
    // One that nobody answers for is what the drop behind it tells.
    case "neighbour":
      return false;
    case "bridge":
      return event.how === "flood";
    case "connection":
      return event.state === "invalid";
    default:
      return true;
  }
}

/** The rule, with the chains that were jumped through to it: back from its own to the one that the hook asked. */
function withWay(decision: Decision, before: readonly (Decision | undefined)[]): Decision {
  const { rule } = decision;
  const chains = [rule.chain];
  for (const one of before.toReversed()) {
    if (!one || !isSameTable(one.rule, rule)) continue;
    const [, target] = /^(?:jump|goto) (.+)$/.exec(one.does) ?? [];
    if (target === chains[0] && !chains.includes(one.rule.chain)) chains.unshift(one.rule.chain);
  }
  return { ...decision, rule: { ...rule, chain: chains.join(" > ") } };
}

const isSameTable = (one: RuleRef, other: RuleRef): boolean =>
  one.namespace === other.namespace &&
  one.in === other.in &&
  one.family === other.family &&
  one.table === other.table;

/** `drop`, `policy drop` say no more than that it ended. */
export const howItEnded = ({ hook, does }: Decision): string =>
  /^(policy )?drop$/.test(does) ? `at ${hook}` : `at ${hook}: ${does}`;

export const isByRule = ({ rule, code }: DropReason): boolean =>
  rule !== undefined && (code === "rule" || code === "reply-lost");
