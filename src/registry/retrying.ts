import { setTimeout as sleep } from "node:timers/promises";
import { isPassing } from "./refusals.ts";

/** Seconds before each further try. */
const WAITS = [1, 2, 4, 8];

/**
 * Do `work` again where what it failed of may pass.
 * @param onWait told once a second how many are left
 * @throws what the last try failed of; the signal's AbortError
 */
export async function retrying(
  work: () => Promise<void>,
  signal: AbortSignal,
  onWait: (seconds: number) => void,
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (thrown) {
      const wait = WAITS[attempt];
      if (wait === undefined || !isPassing(thrown)) throw thrown;
      for (let left = wait; left > 0; left -= 1) {
        onWait(left);
        await sleep(1000, undefined, { signal });
      }
    }
  }
}

/** As Docker tells of it. */
export const retryStatus = (seconds: number): string =>
  `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`;
