/** Both engines through all scenarios: what differs, and what of that is explained. */
import type { Scenario } from "./call.ts";
import { compare, type Difference } from "./compare.ts";
import { type Explanation, explains } from "./explain.ts";
import { type Engine, play } from "./play.ts";
import { dockerCallOf } from "./routes.ts";

/** A difference, and where it was seen. */
export interface Finding extends Difference {
  readonly scenario: string;
  readonly request: string;
  /** Docker's own name of the call. */
  readonly call: string;
}

export interface Report {
  /** A line each scenario: calls made, calls answered alike, explained and unexplained differences. */
  readonly scenarios: readonly {
    readonly name: string;
    readonly calls: number;
    readonly same: number;
    readonly explained: number;
    readonly unexplained: number;
  }[];
  readonly unexplained: readonly Finding[];
  readonly needless: readonly Explanation[];
}

export async function examine(
  scenarios: readonly Scenario[],
  { ours, theirs }: { readonly ours: Engine; readonly theirs: Engine },
  explanations: readonly Explanation[],
  /** Whether these are all scenarios there are: only then can an explanation be found needless. */
  { complete }: { readonly complete: boolean },
): Promise<Report> {
  const used = new Set<Explanation>();
  const unexplained: Finding[] = [];
  const lines: Report["scenarios"][number][] = [];
  for (const scenario of scenarios) {
    const [left, right] = await Promise.all([play(scenario, theirs), play(scenario, ours)]);
    const line = { name: scenario.name, calls: 0, same: 0, explained: 0, unexplained: 0 };
    for (const [i, { request, silent, unordered }] of scenario.calls.entries()) {
      const [their, our] = [left[i], right[i]];
      if (silent || !their || !our) continue;
      line.calls++;
      const call = dockerCallOf(request);
      const differences = compare(their, our, { unordered: unordered ?? false });
      if (differences.length === 0) line.same++;
      for (const difference of differences) {
        const reasons = explanations.filter((each) => explains(each, call, difference));
        for (const reason of reasons) used.add(reason);
        if (reasons.length > 0) line.explained++;
        else {
          line.unexplained++;
          unexplained.push({ ...difference, scenario: scenario.name, request, call });
        }
      }
    }
    lines.push(line);
  }
  const needless = complete ? explanations.filter((each) => !used.has(each)) : [];
  return { scenarios: lines, unexplained, needless };
}
