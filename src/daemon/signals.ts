/** The first request to stop is taken in order, the second at once. */
export interface StopRequest {
  /** Resolves with the first signal's name. */
  readonly requested: Promise<NodeJS.Signals>;
}

/** @param force called at the second signal */
export function watchForStop(force: (signal: NodeJS.Signals) => void): StopRequest {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let asked = false;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (asked) force(name);
      asked = true;
      resolve(name);
    });
  }
  return { requested: promise };
}
