/** Measurements of one kind, and how they compare. Milliseconds throughout. */

export interface Summary {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly count: number;
}

/** By linear interpolation between the two nearest. @throws RangeError where nothing was measured */
export function quantile(sorted: readonly number[], at: number): number {
  const place = (sorted.length - 1) * at;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new RangeError("nothing was measured");
  return below + (above - below) * (place - Math.floor(place));
}

export function summarize(times: readonly number[]): Summary {
  const sorted = times.toSorted((a, b) => a - b);
  const [median, p10, p90] = [0.5, 0.1, 0.9].map((at) => quantile(sorted, at)) as [number, number, number];
  return { median, p10, p90, count: sorted.length };
}

/** How long `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
