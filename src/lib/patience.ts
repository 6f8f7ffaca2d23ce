/** Waiting for others, fairly: while this process was busy, nobody could be heard. */

/** Milliseconds by which a timer may be late for any other reason. */
const USUAL = 20;

export interface Patience {
  /** Aborted when it is at its end. */
  readonly signal: AbortSignal;
  close(): void;
}

/** @param limit milliseconds; those that the process was busy for when they ended are waited for again, once */
export function patience(limit: number): Patience {
  const over = new AbortController();
  const due = performance.now() + limit;
  let timer = setTimeout(() => {
    const late = performance.now() - due;
    if (late < USUAL) over.abort();
    else timer = setTimeout(() => over.abort(), Math.min(late, limit));
  }, limit);
  return { signal: over.signal, close: () => clearTimeout(timer) };
}
