/**
 * Docker's multiplexed stream (Engine API, "Attach to a container", Stream format). Each frame:
 *
 *     header := [8]byte{STREAM_TYPE, 0, 0, 0, SIZE1, SIZE2, SIZE3, SIZE4}   // size in network order
 *     STREAM_TYPE := 0 stdin, 1 stdout, 2 stderr
 */
import { invalid } from "../lib/errors.ts";

export type OutputStream = "stdout" | "stderr";

export interface Frame {
  readonly stream: OutputStream;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;
const TYPES = ["stdout", "stdout", "stderr"] as const; // 0 is standard input echoed: clients show it as output

/** The eight bytes before `size` bytes of `stream`. */
export function frameHeader(stream: OutputStream, size: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = stream === "stdout" ? 1 : 2;
  header.writeUInt32BE(size, 4);
  return header;
}

/**
 * Takes a stream's pieces as they come, cut anywhere, and gives what they hold. A frame's data is passed on
 * as it arrives, so a large frame comes in parts and is never held whole.
 */
export class FrameReader {
  #header = Buffer.alloc(0);
  #stream: OutputStream = "stdout";
  #left = 0;

  /** @throws invalid for a header that none writes */
  *read(piece: Uint8Array): Generator<Frame> {
    let rest = piece;
    while (rest.length > 0) {
      if (this.#left === 0) {
        rest = this.#readHeader(rest);
        continue;
      }
      const data = rest.subarray(0, this.#left);
      this.#left -= data.length;
      rest = rest.subarray(data.length);
      yield { stream: this.#stream, data };
    }
  }

  /** Whether the stream may end here: between frames. */
  get complete(): boolean {
    return this.#left === 0 && this.#header.length === 0;
  }

  #readHeader(piece: Uint8Array): Uint8Array {
    const wanted = HEADER_BYTES - this.#header.length;
    const header = Buffer.concat([this.#header, piece.subarray(0, wanted)]);
    if (header.length < HEADER_BYTES) {
      this.#header = header;
    } else {
      const stream = TYPES[header[0] ?? 0xff];
      if (!stream || header[1] || header[2] || header[3]) {
        throw invalid(`not a multiplexed stream: frame header ${header.toString("hex")}`);
      }
      this.#stream = stream;
      this.#left = header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return piece.subarray(wanted);
  }
}
