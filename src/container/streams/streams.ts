/**
 * The streams of one process: a single connection to conmon's attach socket, always read, its output given to
 * every client. conmon writes to that socket blocking, and the process waits with it: so a client that reads
 * slowly has its output kept for it, up to a limit; then the process waits, as at a pipe; and a client that
 * then reads nothing at all is cut off.
 */
import type { Reactor, Ready, Watch } from "../../linux/reactor.ts";
import type { SeqpacketSocket } from "../../linux/seqpacket.ts";
import type { Attachment, AttachOptions, OutputFrame } from "../process/monitor-types.ts";
import { Input } from "./input.ts";
import { type OutputLimits, Tap } from "./tap.ts";

/**
 * What a client's end of input means: `none`: there is no standard input; `kept`: nothing, the next client
 * goes on; `once`: end of file for the process.
 */
export type StdinMode = "none" | "kept" | "once";

/** conmon's own names for the streams: the first byte of each packet (src/ctr_stdio.c). */
const STREAMS: Readonly<Record<number, OutputFrame["stream"]>> = { 2: "stdout", 3: "stderr" };

/** conmon sends at most 8 KiB and the first byte; later versions may send more. */
const packet = Buffer.allocUnsafe(64 << 10);

/** Milliseconds. */
const PATIENCE_AMONG_OTHERS = 2000;

/** Milliseconds: the monitor tells of an end when all output has been passed on. */
const PATIENCE_OF_THE_KILLED = 1000;

/** So that one loud process does not keep the others waiting. */
const PACKETS_PER_TURN = 32;

export class Streams {
  /** Resolves once all output has been read. */
  readonly ended: Promise<void>;
  readonly #socket: SeqpacketSocket;
  readonly #watch: Watch;
  readonly #input: Input;
  readonly #stdin: StdinMode;
  readonly #limits: OutputLimits;
  readonly #taps = new Set<Tap>();
  readonly #onEnd: () => void;
  #onOutput: (() => void) | undefined;
  #reading = true;
  #hurried = false;
  #expectsRoom = false;
  #connected = true;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(reactor: Reactor, socket: SeqpacketSocket, stdin: StdinMode, limits: OutputLimits) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#onEnd = resolve;
    this.#socket = socket;
    this.#stdin = stdin;
    this.#limits = limits;
    this.#input = new Input(socket, (expected) => {
      if (this.#expectsRoom === expected) return;
      this.#expectsRoom = expected;
      this.#expect();
    });
    this.#watch = reactor.watch(socket.fd, { readable: true, writable: false }, (ready) =>
      this.#serve(ready),
    );
  }

  attach(options: AttachOptions): Attachment {
    const tap = new Tap(options, this.#limits, () => this.#resumeIfRead());
    const stdin = options.stdin && this.#stdin !== "none";
    if (this.#closed) tap.end();
    else this.#taps.add(tap);
    const endInput = () => {
      if (stdin && this.#stdin === "once") this.#input.end();
    };
    return {
      output: tap,
      write: (data) => (stdin ? this.#input.write(data) : Promise.resolve()),
      endInput: async () => endInput(),
      close: () => {
        this.#taps.delete(tap);
        tap.close();
        endInput();
        this.#resumeIfRead();
      },
    };
  }

  /** The process is to end: clients that read nothing do not put that off. */
  hurry(): void {
    this.#hurried = true;
    if (this.#reading || !this.#connected) return;
    clearTimeout(this.#timer);
    this.#waitForReaders();
  }

  /** Let go. What was read is still delivered. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
    for (const tap of this.#taps) tap.end();
    this.#taps.clear();
  }

  #serve(ready: Ready): void {
    try {
      if (ready.writable && this.#expectsRoom) this.#input.pump();
      if (ready.readable && this.#reading) this.#read();
    } catch (thrown) {
      this.#end(); // it would fail again at once, for ever
      throw thrown;
    }
  }

  #read(): void {
    for (let count = 0; count < PACKETS_PER_TURN && this.#reading; count += 1) {
      const length = this.#socket.receive(packet);
      if (length === "later") return;
      if (length === 0) {
        this.#end();
        return;
      }
      this.#share(packet.subarray(0, length));
    }
  }

  /** Clients take the end of their output for the process's, and ask for its exit code: so they wait for `close`. */
  #end(): void {
    this.#disconnect();
    this.#onEnd();
  }

  #disconnect(): void {
    if (!this.#connected) return;
    this.#connected = false;
    clearTimeout(this.#timer);
    this.#watch.close();
    this.#input.close();
    this.#socket.close();
  }

  /** conmon writes a log's line before it passes it on. */
  onOutput(listener: (() => void) | undefined): void {
    this.#onOutput = listener;
  }

  #share(bytes: Uint8Array): void {
    this.#onOutput?.();
    const stream = STREAMS[bytes[0] ?? 0];
    if (!stream || this.#taps.size === 0) return;
    // A copy: the buffer is used again for the next packet.
    const frame = { stream, data: Uint8Array.prototype.slice.call(bytes, 1) };
    for (const tap of this.#taps) tap.push(frame);
    if (this.#most() >= this.#limits.waiting) this.#pause();
  }

  /** Bytes that wait for the slowest client. */
  #most(): number {
    let most = 0;
    for (const tap of this.#taps) most = Math.max(most, tap.waiting);
    return most;
  }

  #pause(): void {
    this.#reading = false;
    this.#expect();
    this.#waitForReaders();
  }

  #waitForReaders(): void {
    this.#timer = setTimeout(() => this.#losePatience(), this.#patience()).unref();
  }

  /** Who reads nothing has the process wait for him, but not for long where others have read it all and wait as well. */
  #patience(): number {
    const { patience } = this.#limits;
    if (this.#hurried) return Math.min(patience, PATIENCE_OF_THE_KILLED);
    const othersWait = [...this.#taps].some(({ waiting }) => waiting === 0);
    return othersWait ? Math.min(patience, PATIENCE_AMONG_OTHERS) : patience;
  }

  /** At half of the limit, so that it is not a stop and go for each packet. */
  #resumeIfRead(): void {
    if (this.#reading || !this.#connected || [...this.#taps].some(({ isBehind }) => isBehind)) return;
    clearTimeout(this.#timer);
    this.#reading = true;
    this.#expect();
  }

  #losePatience(): void {
    const now = performance.now();
    const patience = this.#patience();
    for (const tap of this.#taps) tap.cutOffIfStalled(now, patience);
    this.#resumeIfRead();
    if (!this.#reading) this.#waitForReaders();
  }

  #expect(): void {
    if (this.#connected) this.#watch.expect({ readable: this.#reading, writable: this.#expectsRoom });
  }
}
