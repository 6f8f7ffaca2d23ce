/** Chains of type nat whose order nobody tells, Stage.registered: it matters where several of them would decide. */
import type { Outcome, Registered, Stage, Surroundings } from "../firewall/types.ts";
import type { Packet } from "../packet/types.ts";
import type { Walk } from "./walk.ts";

/** The stages in an order that the kernel may ask them in; others are tried on other walks, if they lead elsewhere. */
export function settled(
  walk: Walk,
  stages: readonly Stage[],
  packet: Packet,
  around: () => Surroundings,
): readonly Stage[] {
  if (!stages.some((stage, i) => stages.slice(0, i).some((before) => mayPrecede(stage, before)))) {
    return stages;
  }
  const there = around();
  const deciding = stages.flatMap((stage) => {
    const decisions = stage.run(packet, there).filter(decides).map(decisionText);
    return decisions.length > 0 ? [{ stage, decisions: decisions.join() }] : [];
  });
  const firsts = deciding.filter(({ stage }, i) =>
    deciding.slice(0, i).every((before) => mayPrecede(stage, before.stage)),
  );
  if (new Set(firsts.map(({ decisions }) => decisions)).size < 2) return stages;
  const first = walk.choose(firsts)?.stage;
  const [place] = firsts;
  if (!first || !place) return stages;
  const others = firsts.flatMap(({ stage }) => (stage === first ? [] : stage.label));
  walk.assume(`${first.label} is asked before ${others.join(" and ")}`);
  return stages.flatMap((stage) => {
    if (stage === place.stage) return first === stage ? stage : [first, stage];
    return stage === first ? [] : stage;
  });
}

/** Whether one may be asked before another that is listed before it. */
function mayPrecede(one: Stage, listedBefore: Stage): boolean {
  if (one.priority !== listedBefore.priority || !one.registered || !listedBefore.registered) return false;
  return (
    one.registered.table !== listedBefore.registered.table &&
    mayBeLater(one.registered, listedBefore.registered)
  );
}

const mayBeLater = (one: Registered, other: Registered): boolean => one.until > other.from;

/** Other chains are asked only after one that neither translates nor ends the packet's way. */
const decides = ({ verdict, translation }: Outcome): boolean =>
  translation !== undefined || verdict.do !== "accept";

/** Whichever rule it was. */
function decisionText({ verdict, translation }: Outcome): string {
  if (!translation) return verdict.do;
  const { rule: _, ...rest } = translation;
  return JSON.stringify(rest);
}
