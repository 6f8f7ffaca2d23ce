/** Which differences are known, and why they are. */
import type { Difference } from "./compare.ts";

/** One reason. It must hold somewhere, or it is no longer needed. */
export interface Explanation {
  /** Docker's own name of the call: `GET /containers/{id}/json`; `*` for all. */
  readonly call: string;
  /** Places in the reply; `*` stands for any part of one. */
  readonly at: readonly string[];
  /** Only where the values are such, as JSON; `undefined` where there is none. */
  readonly theirs?: RegExp;
  readonly ours?: RegExp;
  /** For those who use the API: what differs. */
  readonly reason: string;
  /** Only where the reference is of before 28, whose way this engine follows: users of a newer one see no difference. */
  readonly older?: true;
}

export function explains(explanation: Explanation, route: string, { at, theirs, ours }: Difference): boolean {
  const called = explanation.call === "*" || explanation.call === route;
  const fits = (pattern: RegExp | undefined, value: unknown) =>
    !pattern || pattern.test(`${JSON.stringify(value)}`);
  if (!called || !fits(explanation.theirs, theirs) || !fits(explanation.ours, ours)) return false;
  return explanation.at.some((pattern) => pattern === at || globOf(pattern).test(at));
}

/** As an expression that matches this text alone. */
export const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

const globOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.split("*").map(literally).join(".*")}(\\..*)?$`);
