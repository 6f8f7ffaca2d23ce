/** A capture from its first packet to its last: links are read, packets written, limits kept. */
import { Writer } from "../linux/bytes.ts";
import { Reactor, type Watch } from "../linux/reactor.ts";
import { filterFor } from "./filter/compile.ts";
import type { Form } from "./form.ts";
import { Order } from "./order.ts";
import type { Outlet } from "./outlet.ts";
import { Tap } from "./tap.ts";
import type { Captured, CaptureLimits, CaptureSummary, LinkCount, Tapped } from "./types.ts";

export { wantTimestamps } from "../linux/packet-socket.ts";

export interface CaptureOptions extends CaptureLimits {
  /** In libpcap's syntax, pcap-filter(7). */
  readonly filter?: string;
  readonly form: Form;
  /** Called once all links are listened to: a refusal leaves no empty file. */
  readonly open: () => Outlet;
  /** A link went away; `left` are still listened to, loopbacks not counted. */
  readonly onGone?: (tapped: Tapped, left: number) => void;
}

/** A capture under way: its links are listened to since before it was returned. */
export interface Capturing {
  /** @throws (rejects) where what is written can't be, or the kernel refuses a link's packets */
  readonly ended: Promise<CaptureSummary>;
  /** End it: what came until now is written. */
  stop(): void;
}

/** Bytes that are kept of a packet where nothing is said: all, as tcpdump(8) has it. */
export const DEFAULT_SNAP_LENGTH = 262_144;

/** Bytes that may wait in the kernel, of all links together, and of one at least. */
const WAITING = 64 * 1024 * 1024;
const WAITING_AT_LEAST = 1024 * 1024;
/** Bytes that are written in one piece, and how long less than that may lie: milliseconds. */
const PIECE = 128 * 1024;
const LIE = 50;
/** Calls to the kernel for one link before others have their turn. */
const CALLS_A_TURN = 64;
/** How often a link that is down is asked whether it is there still: milliseconds. */
const LOOK = 200;

type End = CaptureSummary["ended"];

/**
 * Listen to links and write what they carry.
 * @throws invalid for a filter or a link that can't be used; KernelError EPERM without CAP_NET_RAW and CAP_SYS_ADMIN,
 * ENODEV where a link is gone; then nothing is left open
 */
export function capture(tapped: readonly Tapped[], options: CaptureOptions): Capturing {
  const filter = filterFor(options.filter ?? "", options.snapLength ?? DEFAULT_SNAP_LENGTH);
  const receiveBuffer = Math.max(WAITING_AT_LEAST, Math.floor(WAITING / tapped.length));
  const taps: Tap[] = [];
  try {
    for (const one of tapped) taps.push(new Tap(one, filter(one), receiveBuffer));
    return new Run(taps, options.open(), options);
  } catch (thrown) {
    for (const tap of taps) tap.close();
    throw thrown;
  }
}

const MILLISECOND = 1_000_000n;
/** As a clock of milliseconds tells it: packets of the same one may be later. */
const now = (): bigint => BigInt(Date.now()) * MILLISECOND;

class Run implements Capturing {
  readonly ended: Promise<CaptureSummary>;
  readonly #settle: PromiseWithResolvers<CaptureSummary>;
  readonly #options: CaptureOptions;
  readonly #outlet: Outlet;
  readonly #taps: readonly Tap[];
  readonly #watches = new Map<Tap, Watch>();
  readonly #reactor: Reactor;
  /** Of one link's packets there is nothing to order. */
  readonly #order: Order | undefined;
  readonly #out = new Writer(2 * PIECE);
  readonly #began = now();
  #timeUp: NodeJS.Timeout | undefined;
  #flushing: NodeJS.Timeout | undefined;
  /** From the kernel, and to the form: what was held back or too late makes the difference. */
  #received = 0;
  #packets = 0;
  #flushed = 0;
  /** Its reader took no more at the end: what waits in the kernel is lost. */
  #stuck = false;
  #over = false;

  constructor(taps: readonly Tap[], outlet: Outlet, options: CaptureOptions) {
    this.#taps = taps;
    this.#outlet = outlet;
    this.#options = options;
    this.#settle = Promise.withResolvers();
    this.ended = this.#settle.promise;
    this.#order = taps.length > 1 ? new Order() : undefined;
    this.#reactor = new Reactor((error) => this.#fail(error));
    outlet.watch(
      () => this.#expect(),
      (error) => (error ? this.#fail(error) : this.#end("closed")),
    );
    options.form.head(
      this.#out,
      taps.map((tap) => tap.tapped),
    );
    if (options.time !== undefined) {
      this.#timeUp = setTimeout(() => this.#finish("time"), options.time);
    }
    for (const tap of taps) {
      const onReady = () => this.#read(tap);
      this.#watches.set(tap, this.#reactor.watch(tap.fd, { readable: true, writable: false }, onReady));
    }
    this.#laterFlush();
  }

  stop(): void {
    this.#finish("asked");
  }

  /** Links are read only while there is room for what they give: the kernel keeps the rest, and counts what it can't. */
  #expect(): void {
    const interest = { readable: !this.#outlet.busy, writable: false };
    for (const watch of this.#watches.values()) watch.expect(interest);
  }

  #read(tap: Tap): void {
    for (let i = 0; i < CALLS_A_TURN && !this.#over && !this.#outlet.busy; i += 1) {
      const count = tap.receive((packet) => this.#take(packet));
      if (count === "down") this.#look(tap);
      if (count === 0 || count === "down") return;
    }
  }

  #take(packet: Captured): void {
    if (this.#over) return;
    this.#received += 1;
    if (this.#order) this.#order.add(packet);
    else this.#put(packet);
    this.#laterFlush();
  }

  #put(packet: Captured): void {
    if (this.#over) return;
    const { form, count, size } = this.#options;
    const before = this.#out.length;
    form.packet(this.#out, packet);
    const full = size !== undefined && this.#size + form.tailSize(this.#taps.length) > size;
    if (full) {
      this.#out.cut(before);
      this.#end("size");
    } else {
      this.#packets += 1;
      if (this.#packets === count) this.#end("count");
      else if (this.#out.length >= PIECE) this.#flush();
    }
  }

  get #size(): number {
    return this.#flushed + this.#out.length;
  }

  /** What came to any link before some moment is known only once all have been read after it: a turn may be long. */
  #putRipe(): void {
    if (!this.#order) return;
    const at = now();
    for (const tap of this.#watches.keys()) this.#read(tap);
    for (const packet of this.#order.ripe(at)) this.#put(packet);
  }

  #laterFlush(): void {
    this.#flushing ??= setTimeout(() => {
      this.#flushing = undefined;
      this.#guard(() => {
        this.#putRipe();
        this.#flush();
        if (this.#order?.empty === false) this.#laterFlush();
      });
    }, LIE);
  }

  #guard(work: () => void): void {
    if (this.#over) return;
    try {
      work();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    this.#outlet.write(this.#out.written());
    this.#flushed += this.#out.length;
    this.#out.clear();
    if (this.#outlet.busy) this.#expect();
  }

  /**
   * A link that is down comes up again, maybe; one that is gone does not. A loopback never goes, since its namespace lives
   * as long as a socket in it: it alone is nothing to wait for.
   */
  #look(tap: Tap): void {
    if (!this.#watches.has(tap)) return;
    if (!tap.gone()) {
      setTimeout(() => this.#guard(() => this.#look(tap)), LOOK).unref();
      return;
    }
    this.#watches.get(tap)?.close();
    this.#watches.delete(tap);
    const left = [...this.#watches.keys()].filter((one) => !one.loopback).length;
    this.#options.onGone?.(tap.tapped, left);
    if (left === 0) this.#finish("gone");
  }

  /** What came until now is part of it. */
  #finish(why: End): void {
    this.#guard(() => {
      const until = now() + MILLISECOND;
      for (const tap of this.#watches.keys()) this.#drain(tap, until);
      for (const packet of this.#order?.rest() ?? []) this.#put(packet);
      this.#end(why);
    });
  }

  #drain(tap: Tap, until: bigint): void {
    let late = false;
    while (!late && !this.#over) {
      this.#stuck = this.#outlet.busy;
      if (this.#stuck) return;
      const count = tap.receive((packet) => {
        late = packet.at > until;
        if (!late) this.#take(packet);
      });
      if (count === 0 || count === "down") return;
    }
  }

  #end(why: End): void {
    if (this.#over) return;
    this.#over = true;
    this.#close(why).then(this.#settle.resolve, this.#settle.reject);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#close("closed").then(
      () => this.#settle.reject(error),
      () => this.#settle.reject(error),
    );
  }

  async #close(ended: End): Promise<CaptureSummary> {
    clearTimeout(this.#flushing);
    clearTimeout(this.#timeUp);
    const counts = this.#taps.map((tap) => tap.count());
    for (const watch of this.#watches.values()) watch.close();
    for (const tap of this.#taps) tap.close();
    await this.#reactor.close();
    const { form } = this.#options;
    try {
      form.tail(this.#out, counts, { began: this.#began, ended: now() });
      this.#flush();
    } finally {
      await this.#outlet.end();
    }
    const sum = (of: (count: LinkCount) => number) => counts.reduce((all, count) => all + of(count), 0);
    const dropped = sum((count) => count.dropped);
    const waiting = this.#stuck ? sum((count) => count.packets) - dropped - this.#received : 0;
    return { packets: this.#packets, dropped: dropped + waiting, bytes: this.#flushed, ended };
  }
}
