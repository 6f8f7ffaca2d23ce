import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two looks: a look is one system call. */
const PAUSE = 2;

/** What `look` gives as soon as it gives anything; undefined after `limit` milliseconds. @throws whatever it throws */
export async function until<T>(look: () => T | undefined, limit: number): Promise<T | undefined> {
  const end = performance.now() + limit;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (performance.now() >= end) return undefined;
    await sleep(PAUSE);
  }
}
