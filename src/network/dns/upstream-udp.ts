/**
 * Queries to one server over UDP. Against forged answers (RFC 5452) each has a random id and goes out of one of a few
 * sockets at random, each of its own random port, connected, and given up for another after a while.
 */
import { closeSync } from "node:fs";
import { connectDatagram, receiveDatagram, sendDatagram } from "../../linux/datagram.ts";
import { KernelError } from "../../linux/ffi.ts";
import { READABLE } from "../../linux/poller.ts";
import { answers, messageId, setMessageId, TCP_SIZE } from "./message.ts";
import { randomU16 } from "./random.ts";
import { type Attempt, attempt, type Loop, type Outcome, type Question, type Server } from "./upstream.ts";

/** Sockets that new queries choose from; a power of two. */
const SOCKETS = 4;
/** Queries that leave by one port. */
const USES = 128;
/** Milliseconds that a socket without queries is kept. */
const IDLE = 3000;
/** Answers read at once, before others have their turn. */
const BURST = 64;

/** One answer at a time: it is done with before the next. Some servers send long ones, unasked. */
const received = Buffer.alloc(TCP_SIZE);

interface Waiting {
  readonly question: Question;
  readonly outcome: Outcome;
}

export class UdpServer {
  readonly #loop: Loop;
  readonly #server: Server;
  readonly #slots: (Line | undefined)[] = Array.from({ length: SOCKETS }, () => undefined);
  /** Those of the slots, and those that only wait for answers yet. */
  readonly #lines = new Set<Line>();

  constructor(loop: Loop, server: Server) {
    this.#loop = loop;
    this.#server = server;
  }

  ask(question: Question, outcome: Outcome): Attempt {
    return attempt(this.#loop, outcome, () => this.#line().ask(question, outcome));
  }

  /** Ask by new sockets from now on: those that there are have an address that may be gone, or lead nowhere by now. */
  renew(): void {
    for (const [slot, line] of this.#slots.entries()) {
      this.#slots[slot] = undefined;
      line?.retire();
    }
  }

  /** Whether it has sockets. */
  get open(): boolean {
    return this.#lines.size > 0;
  }

  /** Tells no outcome. */
  close(): void {
    for (const line of [...this.#lines]) line.close();
  }

  /** @throws KernelError where a socket can't be had */
  #line(): Line {
    const slot = randomU16() & (SOCKETS - 1);
    let line = this.#slots[slot];
    if (!line?.fresh) {
      line?.retire();
      line = new Line(this.#loop, this.#server, (closed) => {
        this.#lines.delete(closed);
        if (this.#slots[slot] === closed) this.#slots[slot] = undefined;
      });
      this.#lines.add(line);
      this.#slots[slot] = line;
    }
    return line;
  }
}

/** One socket. */
class Line {
  readonly #loop: Loop;
  readonly #fd: number;
  readonly #onClose: (line: Line) => void;
  readonly #waiting = new Map<number, Waiting>();
  #uses = 0;
  #retired = false;
  #open = true;

  constructor(loop: Loop, { peer, open }: Server, onClose: (line: Line) => void) {
    this.#loop = loop;
    this.#onClose = onClose;
    this.#fd = open(() => connectDatagram(peer));
    loop.poller.add(this.#fd, READABLE, () => this.#receive());
  }

  get fresh(): boolean {
    return this.#open && this.#uses < USES;
  }

  /** @throws KernelError where it can't be sent */
  ask(question: Question, outcome: Outcome): Attempt {
    this.#uses += 1;
    let id = randomU16();
    while (this.#waiting.has(id)) id = randomU16();
    setMessageId(question.message, id);
    try {
      this.#send(question.message);
    } catch (thrown) {
      this.#rest();
      throw thrown;
    }
    this.#waiting.set(id, { question, outcome });
    this.#loop.deadlines.clear(this);
    return {
      cancel: () => {
        if (this.#waiting.delete(id)) this.#rest();
      },
    };
  }

  /** Take no new queries. */
  retire(): void {
    this.#retired = true;
    this.#rest();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#waiting.clear();
    this.#loop.deadlines.clear(this);
    this.#loop.poller.remove(this.#fd);
    closeSync(this.#fd);
    this.#onClose(this);
  }

  /** What an earlier datagram met (ECONNREFUSED) is told instead of sending this one; then there is nothing more to tell. */
  #send(message: Buffer): void {
    try {
      sendDatagram(this.#fd, message);
    } catch (thrown) {
      if (!(thrown instanceof KernelError && thrown.code === "ECONNREFUSED")) throw thrown;
      sendDatagram(this.#fd, message);
    }
  }

  #receive(): void {
    for (let i = 0; i < BURST && this.#open; i += 1) {
      let length: number | undefined;
      try {
        length = receiveDatagram(this.#fd, received);
      } catch (thrown) {
        if (!(thrown instanceof KernelError)) throw thrown;
        this.#fail();
        return;
      }
      if (length === undefined) return;
      this.#take(length);
    }
  }

  /** What is no answer to a query of ours is nobody's. */
  #take(length: number): void {
    const id = messageId(received);
    const waiting = this.#waiting.get(id);
    if (!waiting || !answers(received, length, waiting.question.message, waiting.question.end)) return;
    this.#waiting.delete(id);
    this.#rest();
    waiting.outcome.answered(received.subarray(0, length));
  }

  /** Nobody listens there: an error doesn't say of which query it came. */
  #fail(): void {
    const failed = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#rest();
    for (const { outcome } of failed) outcome.failed();
  }

  #rest(): void {
    if (!this.#open || this.#waiting.size > 0) return;
    if (this.#retired) this.close();
    else this.#loop.deadlines.set(this, IDLE, () => this.close());
  }
}
