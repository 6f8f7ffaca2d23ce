/**
 * What the topology does not decide, tried out one by one. A way is walked in a straight line and asks `pick` wherever the
 * kernel could do one thing or another; it is then walked again for each other answer, up to a bound.
 */

/** @returns the index of the one of `count` to go on with */
export type Pick = (count: number) => number;

export interface Explored<T> {
  readonly results: readonly T[];
  /** There were more ways than the bound. */
  readonly more: boolean;
}

/** @param walk must do the same again when it is answered the same */
export function explore<T>(walk: (pick: Pick) => T, bound: number): Explored<T> {
  const results: T[] = [];
  const pending: (readonly number[])[] = [[]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (results.length === bound) return { results, more: true };
    const given = next;
    const answers: number[] = [];
    const others: (readonly number[])[] = [];
    const pick: Pick = (count) => {
      const known = given[answers.length];
      if (known === undefined) {
        for (let other = count - 1; other > 0; other -= 1) others.push([...answers, other]);
      }
      const answer = known ?? 0;
      answers.push(answer);
      return answer;
    };
    results.push(walk(pick));
    // The last choice's others first, as somebody would who goes back to the last fork in the road.
    pending.push(...others);
  }
  return { results, more: false };
}
