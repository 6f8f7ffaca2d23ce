/** Datagrams that reach a held port because the kernel could not translate them, passed on by hand. */
import { closeSync } from "node:fs";
import { connectDatagram } from "../../linux/datagram.ts";
import { raise } from "../../linux/high-descriptor.ts";
import { DatagramPassage, type Way } from "../../linux/packet-info.ts";
import type { Watch } from "../../linux/reactor.ts";
import { decodeSocketAddress } from "../../linux/sockaddr.ts";
import { type Destination, type Relay, type RelayOptions, sameDestination } from "./relay.ts";

/** A client's datagrams leave by a socket of their own, so that answers are told apart. */
interface Session {
  readonly fd: number;
  readonly watch: Watch;
  readonly to: Destination;
  /** Milliseconds, of the monotonic clock. */
  lastUsed: number;
  answered: boolean;
}

/** Of one port; the one that was used longest ago makes room. */
const MOST_OF_ONE = 512;
/** Of all ports together. */
export const MOST_SESSIONS = 2048;
/** Milliseconds without a datagram either way, as long as the kernel tracks UDP: with answers, and without any. */
const IDLE = 120_000;
const IDLE_UNANSWERED = 30_000;
const SWEEP = 10_000;
/** Passed on before others have their turn. */
const PER_TURN = 64;

/** One for all: a datagram is passed on before the next is read. */
let passage: DatagramPassage | undefined;

export class UdpRelay implements Relay {
  readonly #fd: number;
  readonly #options: RelayOptions;
  readonly #passage: DatagramPassage;
  /** In the order of use by their clients: the first was used longest ago. */
  readonly #sessions = new Map<string, Session>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(fd: number, options: RelayOptions) {
    this.#fd = fd;
    this.#options = options;
    passage ??= new DatagramPassage();
    this.#passage = passage;
  }

  serve(to: Destination | undefined): void {
    for (let turn = 0; turn < PER_TURN; turn += 1) {
      const received = this.#passage.receive(this.#fd);
      if (!received) return;
      const session = to && this.#sessionOf(received.way, to);
      if (session) this.#passage.write(session.fd, received.length);
    }
  }

  redirect(to: Destination | undefined): void {
    for (const [key, session] of this.#sessions) if (!sameDestination(session.to, to)) this.#end(key);
  }

  close(): void {
    for (const key of this.#sessions.keys()) this.#end(key);
  }

  /** Undefined where there is no room for one more, and for who isn't served: the datagram is lost. @throws KernelError */
  #sessionOf(way: Way, to: Destination): Session | undefined {
    const session = this.#sessions.get(way.key) ?? this.#open(way, to);
    if (!session) return undefined;
    session.lastUsed = performance.now();
    this.#sessions.delete(way.key);
    this.#sessions.set(way.key, session);
    return session;
  }

  #open(way: Way, to: Destination): Session | undefined {
    if (!this.#options.admits(decodeSocketAddress(way.sender))) return undefined;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= MOST_OF_ONE) this.#end(oldest);
    if (!this.#options.slots.take()) {
      if (oldest === undefined) return undefined;
      this.#end(oldest);
      if (!this.#options.slots.take()) return undefined;
    }
    let fd: number | undefined;
    try {
      fd = raise(connectDatagram(to));
      const watch = this.#options.reactor.watch(fd, { readable: true, writable: false }, () =>
        this.#answer(way),
      );
      this.#sweep ??= setInterval(() => this.#endIdle(), SWEEP).unref();
      return { fd, watch, to, lastUsed: 0, answered: false };
    } catch (thrown) {
      if (fd !== undefined) closeSync(fd);
      this.#options.slots.give();
      throw thrown;
    }
  }

  /** @throws KernelError */
  #answer(way: Way): void {
    const session = this.#sessions.get(way.key);
    for (let turn = 0; session && turn < PER_TURN; turn += 1) {
      const length = this.#passage.read(session.fd);
      if (length === undefined) return;
      session.lastUsed = performance.now();
      session.answered = true;
      this.#passage.answer(this.#fd, way, length);
    }
  }

  #endIdle(): void {
    const now = performance.now();
    for (const [key, { lastUsed, answered }] of this.#sessions) {
      if (now - lastUsed > (answered ? IDLE : IDLE_UNANSWERED)) this.#end(key);
    }
  }

  #end(key: string): void {
    const session = this.#sessions.get(key);
    if (!session) return;
    this.#sessions.delete(key);
    session.watch.close();
    closeSync(session.fd);
    this.#options.slots.give();
    if (this.#sessions.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
