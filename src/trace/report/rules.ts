/** Rules as people write them, in whatever tells of rules. */
import type { DropReason, Event, Hop, Path, Prediction, Proof, RuleRef, Seen } from "../types.ts";
import { ruleKey } from "./align.ts";

/** Fills in the text of rules: asked once, with each rule once. */
export type DescribeRules = (rules: readonly RuleRef[]) => readonly RuleRef[];

const ofReason = (reason: DropReason | undefined): readonly RuleRef[] => (reason?.rule ? [reason.rule] : []);

function ofEvent(event: Event): readonly RuleRef[] {
  if (event.kind === "rule") return [event.rule];
  if (event.kind === "translate") return event.rule ? [event.rule] : [];
  return event.kind === "drop" ? ofReason(event.reason) : [];
}

/** Every rule that is spoken of, once. */
function rulesOf(prediction: Prediction, proof: Proof | undefined): readonly RuleRef[] {
  const all = [
    ...prediction.paths.flatMap((path) => [
      ...path.hops.flatMap(({ event }) => ofEvent(event)),
      ...ofReason(path.reason),
    ]),
    ...(proof?.seen ?? []).flatMap((seen) => (seen.kind === "rule" ? [seen.rule] : [])),
    ...ofReason(proof?.reason),
  ];
  return [...new Map(all.map((rule) => [ruleKey(rule), rule])).values()];
}

export interface Told {
  readonly prediction: Prediction;
  readonly proof?: Proof;
}

export function withRuleTexts(
  prediction: Prediction,
  proof: Proof | undefined,
  describe: DescribeRules,
): Told {
  const rules = rulesOf(prediction, proof);
  const texts = new Map(describe(rules).map((rule) => [ruleKey(rule), rule]));
  const rule = (one: RuleRef): RuleRef => texts.get(ruleKey(one)) ?? one;
  const reason = (one: DropReason): DropReason => (one.rule ? { ...one, rule: rule(one.rule) } : one);
  const event = (one: Event): Event => {
    if (one.kind === "drop") return { ...one, reason: reason(one.reason) };
    if (one.kind === "rule") return { ...one, rule: rule(one.rule) };
    return one.kind === "translate" && one.rule ? { ...one, rule: rule(one.rule) } : one;
  };
  const hop = (one: Hop): Hop => ({ ...one, event: event(one.event) });
  const path = (one: Path): Path => ({
    ...one,
    hops: one.hops.map(hop),
    ...(one.reason && { reason: reason(one.reason) }),
  });
  const seen = (one: Seen): Seen => (one.kind === "rule" ? { ...one, rule: rule(one.rule) } : one);
  return {
    prediction: { ...prediction, paths: prediction.paths.map(path) },
    ...(proof && {
      proof: { ...proof, seen: proof.seen.map(seen), ...(proof.reason && { reason: reason(proof.reason) }) },
    }),
  };
}
