/** Those who wait for a container's end (Docker API, "Wait for a container"). */
import type { WaitCondition } from "./types.ts";

export interface WaitStatus {
  readonly code: number;
  readonly error?: string;
}

export interface Wait {
  readonly status: Promise<WaitStatus>;
  cancel(): void;
}

export class Waiters {
  readonly #waiting = new Map<(status: WaitStatus) => void, WaitCondition>();

  /** Registered on return. */
  add(condition: WaitCondition): Wait {
    const { promise, resolve } = Promise.withResolvers<WaitStatus>();
    this.#waiting.set(resolve, condition);
    return { status: promise, cancel: () => this.#waiting.delete(resolve) };
  }

  /** It has ended, or could not be started again. */
  exited(status: WaitStatus): void {
    this.#settle(status, (condition) => condition !== "removed");
  }

  /** It is gone: nobody has anything more to wait for. */
  removed(status: WaitStatus): void {
    this.#settle(status, () => true);
  }

  /** It should have been removed, and could not. */
  removalFailed(status: WaitStatus): void {
    this.#settle(status, (condition) => condition === "removed");
  }

  #settle(status: WaitStatus, concerned: (condition: WaitCondition) => boolean): void {
    for (const [resolve, condition] of this.#waiting) {
      if (!concerned(condition)) continue;
      this.#waiting.delete(resolve);
      resolve(status);
    }
  }
}
