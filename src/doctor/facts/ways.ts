/** What becomes of something that should get through on this machine: walked through its tables, a prediction. */
import { setImmediate } from "node:timers/promises";
import type { Namespace, Topology } from "../../observe/types.ts";
import { describeNft } from "../../trace/firewall/nft/describe.ts";
import { describeXt } from "../../trace/firewall/xt/describe.ts";
import { caseOfPath } from "../../trace/fixes/case.ts";
import { explain } from "../../trace/fixes/fixes.ts";
import type { Explanation } from "../../trace/fixes/types.ts";
import type { DropReason, Flow, Path } from "../../trace/types.ts";
import type { Finding, Patient } from "../types.ts";
import { forecast } from "./forecast.ts";

/** A way that ends before it should. */
export interface Ended {
  readonly flow: Flow;
  readonly path: Path;
  readonly reason: DropReason;
  readonly explanation: Explanation;
  /** Where it ends. */
  readonly namespace: Namespace | undefined;
}

/** What becomes of a flow: undefined where it gets through, or where that can't be told. */
export function endOf(patient: Patient, flow: Flow): Ended | undefined {
  const { topology } = patient;
  const { outcome, paths } = forecast(patient, flow);
  const path = paths.find((one) => one.reason !== undefined);
  if (outcome !== "dropped" || !path?.reason) return undefined;
  const reason = withText(topology, path.reason);
  const one = caseOfPath(topology, flow, path, reason);
  return { flow, path, reason, explanation: explain(one), namespace: one.namespace };
}

/** With the rule in its tool's own words. */
function withText(topology: Topology, reason: DropReason): DropReason {
  const [rule] = reason.rule ? describeXt(describeNft([reason.rule], topology), topology) : [];
  return rule ? { ...reason, rule } : reason;
}

/** Milliseconds of work for all ways of a look: of each kind one after the other in turn, so that none waits for the rest. */
const BUDGET = 800;

const spent = new WeakMap<Patient, number>();

/**
 * Look at one after another, as many as there is time for, and at least one: an even choice of those that there are.
 * @returns what was found, and a note where some were left out
 */
export async function walkEach<T>(
  patient: Patient,
  { check, what }: { readonly check: string; readonly what: string },
  items: readonly T[],
  look: (item: T) => Finding | undefined,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  let looked = 0;
  for (const item of spread(items)) {
    const before = spent.get(patient) ?? 0;
    if (looked > 0 && before > BUDGET) break;
    const began = performance.now();
    const one = look(item);
    if (one) found.push(one);
    spent.set(patient, before + performance.now() - began);
    looked += 1;
    await setImmediate();
  }
  return looked === items.length
    ? found
    : [...found, leftOut(check, `${looked} of ${items.length} ${what}`, patient.host)];
}

const leftOut = (check: string, looked: string, host: Namespace): Finding => ({
  check,
  severity: "note",
  title: `${looked} were looked at: there are too many for one look`,
  evidence: [`${BUDGET} ms were spent on this and other ways`],
  cause:
    "Each way is walked through all rules, and a look at the whole machine takes no longer than two seconds.",
  fixes: [{ command: "drawbridge doctor CONTAINER", does: "looks at all of one container's", safe: false }],
  about: { namespace: host.id },
});

/** Begins with some from all over: every 16th, then those between. */
function* spread<T>(items: readonly T[]): Generator<T> {
  const step = 16;
  for (let from = 0; from < step; from += 1)
    for (let at = from; at < items.length; at += step) {
      const item = items[at];
      if (item !== undefined) yield item;
    }
}
