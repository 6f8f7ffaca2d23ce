/**
 * A packet taken through a table's chains, as ipt_do_table of net/ipv4/netfilter/ip_tables.c does. Where a match can't be
 * decided the way forks, and both branches are told unless they come to the same.
 */
import type { XtAction, XtChain, XtRule, XtTable } from "../../../linux/xtables/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { RuleRef } from "../../types.ts";
import { merged } from "../nft/merge.ts";
import type { HookVerdict, Met, Outcome, Surroundings } from "../types.ts";
import { applyTarget, assumption, isQuiet, matchExtension } from "./extension.ts";
import { type Look, lookAt, selects } from "./selector.ts";
import type { Answer, Effect, Final } from "./types.ts";

/** Ways that are told of one table: a rule set that asks chance again and again has more than anybody reads. */
const MOST_WAYS = 64;

interface Place {
  readonly chain: XtChain;
  readonly next: number;
}

/** Where a packet stands, and what has become of it. Immutable: a fork takes it twice. */
interface State extends Place {
  readonly packet: Packet;
  readonly around: Surroundings;
  /** Who jumped here, the last one last. */
  readonly callers: readonly Place[];
  readonly told: Omit<Outcome, "verdict" | "packet">;
}

interface Budget {
  ways: number;
}

/** What a table makes of a packet at one of its chains. One outcome where all is certain. */
export function runTable(
  table: XtTable,
  chain: XtChain,
  packet: Packet,
  around: Surroundings,
): readonly Outcome[] {
  const told = { met: [], assumptions: [] };
  return merged(walk(table, { chain, next: 0, packet, around, callers: [], told }, { ways: MOST_WAYS }));
}

function walk(table: XtTable, start: State, budget: Budget): Outcome[] {
  let state = start;
  let look = lookAt(state.packet, state.around);
  for (;;) {
    const found = firstMatch(state, look);
    if (!found) {
      const caller = state.callers.at(-1);
      if (!caller) return [policy(table, state)];
      state = { ...state, ...caller, callers: state.callers.slice(0, -1) };
      continue;
    }
    const { rule, unsure } = found;
    state = { ...state, next: rule.number };
    if (unsure.length > 0) return fork(table, rule, state, unsure, budget);
    const after = act(table, rule, state);
    if ("verdict" in after) return [after];
    if (after.packet !== state.packet) look = lookAt(after.packet, after.around);
    state = after;
  }
}

/** The next rule of the chain that takes the packet, or may take it and would do something to it. */
function firstMatch(state: State, look: Look): { rule: XtRule; unsure: XtRule["matches"] } | undefined {
  const { rules } = state.chain;
  for (let index = state.next; index < rules.length; index += 1) {
    const rule = rules[index];
    if (!rule || !selects(rule.selector, look)) continue;
    const { answer, unsure } = asks(rule, state);
    if (answer === true || (answer === "unknown" && !harmless(rule.action))) return { rule, unsure };
  }
  return undefined;
}

/** Whether a rule's matches take the packet, and by which of them that can't be told. */
function asks({ matches }: XtRule, { packet, around }: State): { answer: Answer; unsure: XtRule["matches"] } {
  const unsure = [];
  for (const match of matches) {
    const answer = matchExtension(match, packet, around);
    if (answer === false) return { answer, unsure: [] };
    if (answer === "unknown") unsure.push(match);
  }
  return { answer: unsure.length > 0 ? "unknown" : true, unsure };
}

const harmless = (action: XtAction): boolean =>
  action.do === "continue" || (action.do === "target" && isQuiet(action.target));

function fork(
  table: XtTable,
  rule: XtRule,
  state: State,
  unsure: XtRule["matches"],
  budget: Budget,
): Outcome[] {
  if (budget.ways <= 1) {
    const more = "more ways than these could be taken: chance is asked too often";
    return walk(table, { ...state, told: assumed(state.told, more) }, budget);
  }
  budget.ways -= 1;
  const say = (matched: boolean) =>
    unsure.map((match) => assumption(match, table.family, matched)).join(matched ? " and " : " or ");
  const after = act(table, rule, state);
  const taken = "verdict" in after ? [after] : walk(table, after, budget);
  const passed = walk(table, state, budget);
  return [
    ...taken.map((outcome) => assumed(outcome, say(true))),
    ...passed.map((outcome) => assumed(outcome, say(false))),
  ];
}

const assumed = <T extends { readonly assumptions: readonly string[] }>(told: T, sentence: string): T => ({
  ...told,
  assumptions: told.assumptions.includes(sentence) ? told.assumptions : [...told.assumptions, sentence],
});

/** What a rule that matched does: the packet's end here, or where it goes on. */
function act(table: XtTable, rule: XtRule, state: State): State | Outcome {
  const by = refTo(table, state, rule);
  const { action } = rule;
  switch (action.do) {
    case "continue":
      return met(state, by, "continue");
    case "accept":
    case "drop":
      return ended(met(state, by, action.do), verdictOf({ do: action.do }, by));
    case "queue":
      return ended(met(state, by, "queue"), { do: "elsewhere", by, how: "a program is asked, at queue 0" });
    case "return":
      return back(met(state, by, "return"));
    case "jump":
    case "goto": {
      const chain = table.chains.get(action.chain);
      const told = met(state, by, `${action.do} ${action.chain}`);
      if (!chain) return told;
      const callers =
        action.do === "jump" ? [...state.callers, { chain: state.chain, next: state.next }] : state.callers;
      return { ...told, chain, next: 0, callers };
    }
    case "target":
      return carriedOut(state, by, applyTarget(action.target, state.packet, state.around));
  }
}

/** To the end of the chain, where the walk finds who called. */
const back = (state: State): State => ({ ...state, next: state.chain.rules.length });

function carriedOut(state: State, by: RuleRef, effect: Effect): State | Outcome {
  const { translation, connectionMark, notrack, assumes } = effect;
  const noted = met(state, by, effect.does);
  const told = {
    ...(assumes === undefined ? noted.told : assumed(noted.told, assumes)),
    ...(translation && { translation: { ...translation, rule: by } }),
    ...(connectionMark !== undefined && { connectionMark }),
    ...(notrack && { notrack }),
  };
  const after = {
    ...noted,
    told,
    packet: effect.packet ?? state.packet,
    around: since(state.around, effect),
  };
  if (effect.next.do === "continue") return after;
  if (effect.next.do === "return") return back(after);
  return ended(after, verdictOf(effect.next, by));
}

const verdictOf = (final: Final, by: RuleRef): HookVerdict =>
  final.do === "accept" ? { do: "accept" } : { ...final, by };

/** What later rules of the same table see of a connection. */
function since(around: Surroundings, { connectionMark, notrack }: Effect): Surroundings {
  const { connection } = around;
  if (connection && connectionMark !== undefined) {
    return { ...around, connection: { ...connection, mark: connectionMark } };
  }
  if (!notrack) return around;
  return connection ? { ...around, connection: { ...connection, state: "untracked" } } : around;
}

function policy(table: XtTable, state: State): Outcome {
  const does = state.chain.base?.policy ?? "accept";
  const by = refTo(table, state);
  return ended(met(state, by, `policy ${does}`), does === "drop" ? { do: "drop", by } : { do: "accept" });
}

const ended = ({ told, packet }: State, verdict: HookVerdict): Outcome => ({ ...told, packet, verdict });

const met = (state: State, rule: RuleRef, does: string): State => ({
  ...state,
  told: { ...state.told, met: [...state.told.met, { rule, does } satisfies Met] },
});

/** A rule, or the chain's policy. */
const refTo = (table: XtTable, { chain, around }: State, rule?: XtRule): RuleRef => ({
  in: "xtables",
  namespace: around.namespace.id,
  family: table.family,
  table: table.name,
  chain: chain.name,
  ...(rule && { number: rule.number }),
});
