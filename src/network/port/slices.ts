import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds that work may hold others up. */
const SLICE = 2;

/** Long synchronous work in slices: between two of them others have their turn. */
export class Slices {
  #began = performance.now();

  /** Ask between two pieces of the work: is it time for `rest`? */
  get over(): boolean {
    return performance.now() - this.#began > SLICE;
  }

  async rest(): Promise<void> {
    await turn();
    this.#began = performance.now();
  }
}
