/** Work that several ask for at the same time is done once; it is given up when all of them have gone. */
import type { Progress } from "./types.ts";

type Listener = (progress: Progress) => void;

interface Job<T> {
  readonly listeners: Set<Listener>;
  /** What a newcomer should see: of each layer its last line, and all lines of none. */
  readonly told: Map<string, Progress>;
  readonly aborter: AbortController;
  readonly result: Promise<T>;
}

export class SharedWork<T> {
  readonly #jobs = new Map<string, Job<T>>();

  /** @throws the signal's reason, to the one who has gone; what the work throws */
  async run(
    key: string,
    { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: Listener },
    work: (options: { readonly signal: AbortSignal; readonly onProgress: Listener }) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const job = this.#jobs.get(key) ?? this.#begin(key, work);
    for (const progress of job.told.values()) onProgress(progress);
    // One function a caller, even where callers give the same one.
    const listener: Listener = (progress) => onProgress(progress);
    job.listeners.add(listener);
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([job.result, gone.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      job.listeners.delete(listener);
      if (job.listeners.size === 0) {
        if (this.#jobs.get(key) === job) this.#jobs.delete(key);
        job.aborter.abort(signal.reason);
      }
    }
  }

  #begin(key: string, work: Parameters<SharedWork<T>["run"]>[2]): Job<T> {
    const listeners = new Set<Listener>();
    const told = new Map<string, Progress>();
    const aborter = new AbortController();
    const onProgress: Listener = (progress) => {
      told.set(progress.progressDetail ? (progress.id ?? "") : `${told.size} ${progress.status}`, progress);
      for (const listener of listeners) listener(progress);
    };
    const result = work({ signal: aborter.signal, onProgress });
    result.catch(() => {}); // told to those who wait for it
    const job = { listeners, told, aborter, result };
    this.#jobs.set(key, job);
    return job;
  }
}
