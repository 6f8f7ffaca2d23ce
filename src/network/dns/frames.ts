/** Messages in a stream: each has its length before it, 16 bits in network order (RFC 1035 section 4.2.2). */

const LENGTH = 2;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, LENGTH);
  return framed;
}

const NOTHING = Buffer.alloc(0);

/** Takes a stream apart. Holds what has come of it and wasn't taken. */
export class FrameReader {
  #bytes: Buffer = NOTHING;

  /** Bytes that are held. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Have what came next; it is copied. */
  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole message, good until the next `push`; undefined where it hasn't come yet. */
  take(): Buffer | undefined {
    if (this.#bytes.length < LENGTH) return undefined;
    const end = LENGTH + this.#bytes.readUInt16BE();
    if (this.#bytes.length < end) return undefined;
    const message = this.#bytes.subarray(LENGTH, end);
    this.#bytes = end === this.#bytes.length ? NOTHING : this.#bytes.subarray(end);
    return message;
  }
}
