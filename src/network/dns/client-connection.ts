/**
 * A client's TCP connection, RFC 7766: any number of queries one after another, answered as their answers come. A
 * client that doesn't read what it asked for is not read from either; one that does nothing is hung up on.
 */
import { closeSync } from "node:fs";
import { KernelError } from "../../linux/ffi.ts";
import { READABLE, WRITABLE } from "../../linux/poller.ts";
import { readStream, writeStream } from "../../linux/stream.ts";
import { FrameReader, frame } from "./frames.ts";
import type { Loop } from "./upstream.ts";

/** Milliseconds without a byte in either direction. */
const IDLE = 10_000;
/** Queries of one client that may be on their way, and bytes that may wait for it, before it is read from again. */
const MOST_PENDING = 32;
const MOST_UNSENT = 128 * 1024;

/** Read at once: so many queries are answered before others have their turn. */
const chunk = Buffer.alloc(16384);

/** Make the answer: at once, or later through `connection`. False of a message that is none: it ends the connection. */
export type OnQuery = (message: Buffer, connection: ClientConnection) => boolean;

export class ClientConnection {
  readonly #loop: Loop;
  readonly #fd: number;
  readonly #onQuery: OnQuery;
  readonly #onClose: (connection: ClientConnection) => void;
  readonly #frames = new FrameReader();
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #pending = 0;
  #interest = READABLE;
  #ended = false;
  #open = true;

  constructor(loop: Loop, fd: number, onQuery: OnQuery, onClose: (connection: ClientConnection) => void) {
    this.#loop = loop;
    this.#fd = fd;
    this.#onQuery = onQuery;
    this.#onClose = onClose;
    loop.poller.add(fd, READABLE, () => this.#orClose(() => this.#serve()));
    this.#stir();
  }

  /** One answer more will come later. */
  expect(): void {
    this.#pending += 1;
  }

  /** The answer that was expected. */
  deliver(message: Uint8Array): void {
    this.#pending -= 1;
    this.#orClose(() => {
      this.send(message);
      this.#proceed();
    });
  }

  /** An answer; it is copied. */
  send(message: Uint8Array): void {
    if (!this.#open) return;
    const framed = frame(message);
    this.#unsent.push(framed);
    this.#unsentBytes += framed.length;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#loop.deadlines.clear(this);
    this.#loop.poller.remove(this.#fd);
    closeSync(this.#fd);
    this.#onClose(this);
  }

  #serve(): void {
    if (this.#interest & READABLE) {
      const length = readStream(this.#fd, chunk);
      if (length === 0) this.#ended = true;
      if (length) this.#frames.push(chunk.subarray(0, length));
      if (length !== undefined) this.#stir();
    }
    this.#proceed();
  }

  /** Answer what has come, as far as there is room; send what there is; see what to wait for. */
  #proceed(): void {
    for (;;) {
      while (this.#open && this.#roomy) {
        const message = this.#frames.take();
        if (!message) break;
        if (!this.#onQuery(message, this)) this.close();
      }
      if (!this.#open || !this.#flush()) break;
    }
    if (!this.#open) return;
    if (this.#ended && this.#pending === 0 && this.#unsentBytes === 0) this.close();
    else this.#expect((this.#roomy && !this.#ended ? READABLE : 0) | (this.#unsentBytes > 0 ? WRITABLE : 0));
  }

  get #roomy(): boolean {
    return this.#pending < MOST_PENDING && this.#unsentBytes < MOST_UNSENT;
  }

  /** Send what waits. True where there had been no room for more queries, and there is now. */
  #flush(): boolean {
    const wasRoomy = this.#roomy;
    if (this.#unsentBytes === 0) return false;
    const waiting = Buffer.concat(this.#unsent);
    const sent = writeStream(this.#fd, waiting);
    if (sent > 0) this.#stir();
    this.#unsent = sent === waiting.length ? [] : [waiting.subarray(sent)];
    this.#unsentBytes = waiting.length - sent;
    return !wasRoomy && this.#roomy;
  }

  #expect(interest: number): void {
    if (interest === this.#interest) return;
    this.#interest = interest;
    this.#loop.poller.modify(this.#fd, interest);
  }

  #stir(): void {
    this.#loop.deadlines.set(this, IDLE, () => this.close());
  }

  #orClose(work: () => void): void {
    if (!this.#open) return;
    try {
      work();
    } catch (thrown) {
      if (!(thrown instanceof KernelError)) throw thrown;
      this.close();
    }
  }
}
