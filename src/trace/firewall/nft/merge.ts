/** Ways that come to the same are one: what had to be assumed to tell them apart does not matter. */
import type { Met, Outcome } from "../types.ts";

/** Of each group the first, with what all of it assumes, and the rules that any of it met. */
export function merged(outcomes: readonly Outcome[]): readonly Outcome[] {
  if (outcomes.length < 2) return outcomes;
  return [...Map.groupBy(outcomes, sameness).values()].flatMap(([first, ...others]) =>
    first
      ? {
          ...first,
          met: others.reduce((met, other) => together(met, other.met), first.met),
          assumptions: first.assumptions.filter((assumption) =>
            others.every(({ assumptions }) => assumptions.includes(assumption)),
          ),
        }
      : [],
  );
}

/** Both, in the order of the rules; what only one of them has is met perhaps. */
function together(left: readonly Met[], right: readonly Met[]): readonly Met[] {
  const keys = right.map(({ rule }) => JSON.stringify(rule));
  const perhaps = (met: Met): Met => ({ ...met, perhaps: true });
  let next = 0;
  const both = left.flatMap((met): readonly Met[] => {
    const at = keys.indexOf(JSON.stringify(met.rule), next);
    if (at < 0) return [perhaps(met)];
    const between = right.slice(next, at).map(perhaps);
    next = at + 1;
    return [...between, right[at]?.perhaps ? perhaps(met) : met];
  });
  return [...both, ...right.slice(next).map(perhaps)];
}

/** All that a packet's further way depends on. */
const sameness = ({ verdict, packet, translation, connectionMark, notrack }: Outcome): string =>
  JSON.stringify([
    verdict,
    Buffer.from(packet.bytes).toString("latin1"),
    packet.mark,
    packet.priority,
    translation,
    connectionMark,
    notrack,
  ]);
