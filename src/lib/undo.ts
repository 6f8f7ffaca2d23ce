import { asError } from "./errors.ts";

type Reverse = () => Promise<void> | void;

/**
 * The reverses of the steps done so far. A caller pushes one after each step that succeeded, and unwinds
 * when one fails: last done, first undone, past failures.
 */
export class UndoStack {
  readonly #reverses: { readonly what: string; readonly reverse: Reverse }[] = [];

  /** Remember how to undo the step just done. */
  push(what: string, reverse: Reverse): void {
    this.#reverses.push({ what, reverse });
  }

  /** The steps stand: forget their reverses. */
  keep(): void {
    this.#reverses.length = 0;
  }

  /** Undo everything, in reverse order; the failures met on the way are returned, not thrown. */
  async unwind(): Promise<Error[]> {
    const errors: Error[] = [];
    for (let step = this.#reverses.pop(); step; step = this.#reverses.pop()) {
      try {
        await step.reverse();
      } catch (thrown) {
        errors.push(new Error(`undo ${step.what}: ${asError(thrown).message}`, { cause: thrown }));
      }
    }
    return errors;
  }
}

/**
 * Run `work` with an undo stack. If it throws, what it did is undone and the error is thrown on; undoing
 * that failed too makes it an AggregateError, the first cause first.
 */
export async function undoing<T>(work: (undo: UndoStack) => Promise<T>): Promise<T> {
  const undo = new UndoStack();
  try {
    return await work(undo);
  } catch (thrown) {
    const errors = await undo.unwind();
    if (errors.length > 0) throw new AggregateError([thrown, ...errors], asError(thrown).message);
    throw thrown;
  }
}
