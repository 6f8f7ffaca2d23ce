/** One life of the DNS's thread, seen from its client. */
import { closeSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { asError } from "../../lib/errors.ts";
import { openEventFd, signalEventFd } from "../../linux/eventfd.ts";
import type { Answered, Asked, DnsThreadData } from "./protocol.ts";

// The sources run as they are, or as the JavaScript that they were built to.
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
export const WORKER = new URL(`./worker.${extension}`, import.meta.url);

/** What the thread has of V8's memory at most. A name takes about a kilobyte; queries leave little garbage. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 512 };

/** More than a process may have open where limits are wide: pages that nobody writes take no memory. */
const MOST_DESCRIPTORS = 1 << 20;

export class DnsThread {
  readonly #worker: Worker;
  readonly #wake = openEventFd();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #descriptors = new Uint8Array(new SharedArrayBuffer(MOST_DESCRIPTORS));
  #alive = true;
  /** `process.exit` waits for the thread, and nothing else wakes it from its wait. */
  readonly #atExit = () => this.stop();
  /** Why it ended: nothing where it was asked to. */
  readonly ended: Promise<Error | undefined>;

  /** @throws KernelError */
  constructor(program: URL, onAnswer: (answered: Answered) => void) {
    const data: DnsThreadData = { wake: this.#wake, stop: this.#stop, descriptors: this.#descriptors };
    // Flags of the main thread (test runner, inspector, heap sizes) are not for this one.
    this.#worker = new Worker(program, {
      name: "db-dns",
      execArgv: [],
      resourceLimits: LIMITS,
      trackUnmanagedFds: false, // Node knows nothing of its sockets
      workerData: data,
    });
    process.on("exit", this.#atExit);
    const ended = Promise.withResolvers<Error | undefined>();
    this.ended = ended.promise;
    let cause: Error | undefined;
    this.#worker.on("message", onAnswer);
    this.#worker.on("error", (error) => {
      cause = asError(error);
    });
    this.#worker.on("exit", (code) => {
      this.#alive = false;
      process.off("exit", this.#atExit);
      this.#closeDescriptors();
      const asked = Atomics.load(this.#stop, 0) !== 0;
      ended.resolve(cause ?? (asked && code === 0 ? undefined : new Error(`exit code ${code}`)));
    });
  }

  post(asked: Asked): void {
    this.#worker.postMessage(asked);
    if (this.#alive) signalEventFd(this.#wake);
  }

  /** Have it end when it has done what it is doing. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
    if (this.#alive) signalEventFd(this.#wake);
  }

  /** Have it end whatever it is doing. */
  async terminate(): Promise<void> {
    this.stop();
    await this.#worker.terminate();
  }

  /** What it left open: a resolver's port would be taken for the thread after it. */
  #closeDescriptors(): void {
    this.#descriptors[this.#wake] = 0; // its own, and closed by this side
    for (let fd = this.#descriptors.indexOf(1); fd >= 0; fd = this.#descriptors.indexOf(1, fd + 1)) {
      closeSync(fd);
    }
    closeSync(this.#wake);
  }
}
