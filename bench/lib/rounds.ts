/**
 * Contestants measured side by side: each round asks every one of them once, in an order that rotates, so
 * that what the machine does meanwhile falls on all alike.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Summary, summarize } from "./statistics.ts";

/** One who does the work, in steps that are measured by themselves. */
export interface Contestant<Phase extends string> extends AsyncDisposable {
  readonly name: string;
  /** What a reader should know of what is counted and what isn't. */
  readonly note: string;
  /** Once through all phases, in milliseconds. `round` is another number each time. */
  measure(round: number): Promise<Readonly<Record<Phase, number>>>;
}

/** One who can't take part, and why. */
export interface Absent {
  readonly absent: string;
}

export interface Result<Phase extends string> {
  readonly name: string;
  readonly note: string;
  readonly phases: Readonly<Record<Phase, Summary>>;
}

/** Before anything is counted: caches fill, code is compiled. */
const WARM_UP = 3;

/** Milliseconds in which the kernel takes apart what the contestant before has left to it: namespaces, links. */
const SETTLED = 60;

export async function race<Phase extends string>(
  contestants: readonly Contestant<Phase>[],
  phases: readonly Phase[],
  rounds: number,
): Promise<readonly Result<Phase>[]> {
  const times = new Map(contestants.map(({ name }) => [name, [] as Readonly<Record<Phase, number>>[]]));
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      await sleep(SETTLED);
      const measured = await contestant.measure(round);
      if (round >= WARM_UP) times.get(contestant.name)?.push(measured);
    }
  }
  return contestants.map(({ name, note }) => {
    const own = times.get(name) ?? [];
    const summaries = phases.map((phase) => [phase, summarize(own.map((one) => one[phase]))] as const);
    return { name, note, phases: Object.fromEntries(summaries) as Record<Phase, Summary> };
  });
}
