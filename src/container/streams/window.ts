/** The size of a process's terminal, told to conmon by the fifo `winsz` beside its attach socket. */
import { setTimeout as sleep } from "node:timers/promises";
import { Mutex } from "../../lib/mutex.ts";
import { FifoWriter } from "../../linux/fifo.ts";

/** Later versions of conmon refuse more. */
const LIMIT = 1000;

export class Window {
  readonly #path: string;
  readonly #mutex = new Mutex();

  /** @param path of conmon's fifo */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Resolves once conmon has read it, or `ended` says that it never will. One at a time: of two lines read
   * together, conmon 2.1.6 obeys the first twice and the second not at all.
   * @throws KernelError; ENOENT and ENXIO where conmon has gone
   */
  resize(size: { readonly columns: number; readonly rows: number }, ended: () => boolean): Promise<void> {
    return this.#mutex.run(async () => {
      const fifo = new FifoWriter(this.#path);
      try {
        fifo.write(`${Math.min(size.rows, LIMIT)} ${Math.min(size.columns, LIMIT)}\n`);
        while (fifo.waiting > 0 && !ended()) await sleep(1);
      } finally {
        fifo.close();
      }
    });
  }
}
