/**
 * Times by which something must have happened. There are few patiences and many deadlines, so those of one patience
 * stand in the order of their setting, which is that of their coming due: a Map each.
 */

/** Milliseconds of a clock that only goes forward. */
const now = (): number => performance.now();

interface Deadline {
  readonly due: number;
  readonly missed: () => void;
}

export class Deadlines {
  readonly #byPatience = new Map<number, Map<object, Deadline>>();
  readonly #patienceOf = new Map<object, number>();

  /** Call `missed` in `patience` milliseconds, unless `about` gets another deadline before, or loses it. */
  set(about: object, patience: number, missed: () => void): void {
    this.clear(about);
    this.#patienceOf.set(about, patience);
    const deadlines = this.#byPatience.get(patience) ?? new Map<object, Deadline>();
    this.#byPatience.set(patience, deadlines);
    deadlines.set(about, { due: now() + patience, missed });
  }

  clear(about: object): void {
    const patience = this.#patienceOf.get(about);
    if (patience === undefined) return;
    this.#patienceOf.delete(about);
    this.#byPatience.get(patience)?.delete(about);
  }

  /** Milliseconds until the next, for epoll_wait: whole ones, and -1 where there is none. */
  get wait(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const deadlines of this.#byPatience.values()) {
      const [first] = deadlines.values();
      if (first && first.due < next) next = first.due;
    }
    return next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(next - now()));
  }

  /** Call what came due. */
  run(): void {
    if (this.#patienceOf.size === 0) return;
    const time = now();
    for (const deadlines of this.#byPatience.values()) {
      for (const [about, { due, missed }] of deadlines) {
        if (due > time) break;
        this.clear(about);
        missed();
      }
    }
  }
}
