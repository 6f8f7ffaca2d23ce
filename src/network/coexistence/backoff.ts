/** How long to wait before what was done a moment ago is done again, where somebody undoes it each time. */

/** Milliseconds. */
const WINDOW = 10_000;
const LONGEST = 5000;
/** So often within the window nobody is suspected of a fight. */
const PATIENT = 5;

export class Backoff {
  #times: number[] = [];

  /** It is done now. */
  note(now: number): void {
    this.#times = [...this.#recent(now), now];
  }

  /** Milliseconds to wait before the next time: none at first, then twice as long each time. */
  delay(now: number): number {
    const over = this.#recent(now).length - PATIENT;
    return over < 0 ? 0 : Math.min(100 * 2 ** over, LONGEST);
  }

  #recent(now: number): number[] {
    return this.#times.filter((time) => now - time < WINDOW);
  }
}
