/** One client's share of a process's output. */
import { messageOf } from "../../lib/errors.ts";
import type { AttachOptions, OutputFrame } from "../process/monitor-types.ts";
import { FrameQueue } from "./spill.ts";

export interface OutputLimits {
  /** Bytes that wait for one client in memory. */
  readonly memory: number;
  /** Bytes that wait for one client in all. When so many do, the process has to wait as well. */
  readonly waiting: number;
  /** Milliseconds after which a client that makes the process wait, and reads nothing, is cut off; at most 2000 among others. */
  readonly patience: number;
  /** For the files. */
  readonly directory: string;
}

export class Tap implements AsyncIterable<OutputFrame> {
  readonly #wanted: AttachOptions;
  readonly #limits: OutputLimits;
  readonly #queue: FrameQueue;
  readonly #onRead: () => void;
  #waiter: ((result: IteratorResult<OutputFrame, undefined>) => void) | undefined;
  #ended = false;
  /** When the client last took something, by `performance.now`. */
  lastRead = performance.now();

  /** @param onRead called whenever the client has taken a frame */
  constructor(wanted: AttachOptions, limits: OutputLimits, onRead: () => void) {
    this.#wanted = wanted;
    this.#limits = limits;
    this.#queue = new FrameQueue(limits.memory, limits.directory);
    this.#onRead = onRead;
  }

  /** Bytes that wait for this client. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  push(frame: OutputFrame): void {
    if (this.#ended || !this.#wanted[frame.stream]) return;
    if (this.#waiter) {
      this.#deliver({ value: frame, done: false });
      return;
    }
    try {
      this.#queue.push(frame);
    } catch (thrown) {
      this.cutOff(`its output can't be kept: ${messageOf(thrown)}`);
    }
  }

  /** Nothing more will come; what waits is still delivered. */
  end(): void {
    this.#ended = true;
    if (this.#waiter) this.#deliver({ value: undefined, done: true });
  }

  /** The client has gone: nothing is kept for it. */
  close(): void {
    this.#queue.clear();
    this.end();
  }

  /** Drop what waits, tell the client why, and end. */
  cutOff(why: string): void {
    this.#queue.clear();
    this.#queue.push({ stream: "stderr", data: Buffer.from(`\r\ndisconnected: ${why}\r\n`) });
    this.end();
  }

  /** Whether the process, if it waits for its clients, waits for this one as well. */
  get isBehind(): boolean {
    return this.waiting > this.#limits.waiting / 2;
  }

  /** Cut off a client that keeps the process waiting and has read nothing for so long, milliseconds. */
  cutOffIfStalled(now: number, patience: number): void {
    if (!this.isBehind || now - this.lastRead < patience) return;
    this.cutOff(`${this.waiting} bytes of output waited, and none were read for ${patience / 1000} s`);
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputFrame, undefined> {
    return {
      next: () => this.#take(),
      return: () => {
        this.close();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  #take(): Promise<IteratorResult<OutputFrame, undefined>> {
    const value = this.#queue.shift();
    this.lastRead = performance.now();
    if (value) {
      this.#onRead();
      return Promise.resolve({ value, done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  #deliver(result: IteratorResult<OutputFrame, undefined>): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(result);
  }
}
