import { setImmediate } from "node:timers/promises";

/** Milliseconds of work between two breaths. */
const STRETCH = 8;

/** For long work out of many small synchronous steps: `await pace()` after each lets others run now and then. */
export function makePace(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < STRETCH) return;
    await setImmediate();
    since = performance.now();
  };
}
