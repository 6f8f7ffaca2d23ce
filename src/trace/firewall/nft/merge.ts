/** Ways that come to the same are one: what had to be assumed to tell them apart does not matter. */
import type { Outcome } from "../types.ts";

/** Of each group the first, with what all of it assumes. */
export function merged(outcomes: readonly Outcome[]): readonly Outcome[] {
  if (outcomes.length < 2) return outcomes;
  return [...Map.groupBy(outcomes, sameness).values()].flatMap(([first, ...others]) =>
    first
      ? {
          ...first,
          assumptions: first.assumptions.filter((assumption) =>
            others.every(({ assumptions }) => assumptions.includes(assumption)),
          ),
        }
      : [],
  );
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
