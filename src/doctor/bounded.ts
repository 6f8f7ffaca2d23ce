/** Work that may take long, and is waited for no longer than it is worth. */

/** Thrown at whoever waited. */
class Late extends Error {
  override readonly name = "Late";
}

/** What `work` gives, at once or within `limit` milliseconds. @throws Late after them: what it gives then is nobody's */
export async function bounded<T>(work: () => T | Promise<T>, limit: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late(`not done after ${Math.round(limit)} ms`)), limit);
  });
  try {
    return await Promise.race([Promise.resolve().then(work), late]);
  } finally {
    clearTimeout(timer);
  }
}
