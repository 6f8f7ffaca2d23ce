/** One at a time, in the order of asking. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Run `work` once all that asked before are done, whether they succeeded or failed. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}

/** A mutex for each key, kept only while somebody uses it. */
export class KeyedMutex<Key> {
  readonly #held = new Map<Key, { mutex: Mutex; users: number }>();

  async run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const entry = this.#held.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#held.set(key, entry);
    entry.users += 1;
    try {
      return await entry.mutex.run(work);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#held.delete(key);
    }
  }
}
