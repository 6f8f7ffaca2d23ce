/** The next call fails, the later ones don't. */
export function failing<Args extends unknown[], T>(
  work: (...args: Args) => Promise<T>,
): (...args: Args) => Promise<T> {
  let failed = false;
  return async (...args) => {
    if (failed) return work(...args);
    failed = true;
    throw new Error("disk full");
  };
}
