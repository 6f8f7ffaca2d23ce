import { Duplex } from "node:stream";
import { drained } from "./carry.ts";
import { CLOSE_CODES, closeFrame, encodeFrame, FrameDecoder, OPCODES, type Received } from "./websocket.ts";

/** Milliseconds. */
const LINGER = 2000;

/**
 * A websocket as a stream of bytes: what is read are the payloads of data frames, what is written goes out as frames
 * of one kind. Its end sends a close frame; the client's close frame is the end of reading, and of all.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: Duplex;
  readonly #opcode: number;
  readonly #decoder = new FrameDecoder();
  #closeSent = false;

  /** @param socket after the handshake */
  constructor(socket: Duplex, options: { readonly binary: boolean }) {
    super();
    this.#socket = socket;
    this.#opcode = options.binary ? OPCODES.binary : OPCODES.text;
    // Nothing can be said any more to who has closed.
    this.once("end", () => this.destroy());
    this.on("error", () => this.destroy()); // "close" tells everybody
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    socket.once("end", () => this.push(null));
    socket.once("close", () => this.destroy());
    socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    if (this.#closeSent || this.#send(encodeFrame(this.#opcode, bytes))) done();
    else void drained(this.#socket).then(() => done());
  }

  override _final(done: () => void): void {
    this.#close(CLOSE_CODES.normal);
    // The client answers with its own close frame, which nobody else may be waiting for.
    this.#socket.resume();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close(CLOSE_CODES.normal);
    // What was written goes out first; a client that takes none of it is not waited for.
    const patience = setTimeout(() => this.#socket.destroy(), LINGER).unref();
    this.#socket.once("close", () => clearTimeout(patience));
    this.#socket.end(() => this.#socket.destroy());
    done(error);
  }

  #receive(bytes: Buffer): void {
    try {
      for (const received of this.#decoder.push(bytes)) this.#obey(received);
    } catch {
      this.#close(CLOSE_CODES.protocolError);
      this.destroy();
    }
  }

  #obey({ kind, payload }: Received): void {
    if (kind === "data" && !this.push(payload)) this.#socket.pause();
    if (kind === "ping") this.#send(encodeFrame(OPCODES.pong, payload));
    if (kind === "close") {
      this.#close(CLOSE_CODES.normal);
      this.push(null);
    }
  }

  #close(code: number): void {
    if (this.#closeSent) return;
    this.#send(closeFrame(code));
    this.#closeSent = true;
  }

  #send(frame: Uint8Array): boolean {
    return this.#socket.writable && this.#socket.write(frame);
  }
}
