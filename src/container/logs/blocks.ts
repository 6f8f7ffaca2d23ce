/** A log file's lines, forwards as they come, and backwards from the end; never more than a block in memory. */
import type { FileHandle } from "node:fs/promises";

const BLOCK_SIZE = 64 << 10;
const NEWLINE = 0x0a;

/** conmon writes no line longer than 8 KiB and its head: a longer one is damage, and skipped. */
const LINE_LIMIT = 128 << 10;

export interface FileLine {
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Without its newline. */
  readonly bytes: Uint8Array;
}

/** Reads on where it stopped: at the end of the file, later lines are found by asking again. */
export class LineReader {
  readonly #file: FileHandle;
  #position: number;
  /** The beginning of a line whose end has not been read, and where it stands. */
  #rest: Uint8Array = new Uint8Array();

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Where the next read happens. */
  get position(): number {
    return this.#position;
  }

  /** The next block's whole lines (maybe none yet); undefined at the end of what is there. */
  async more(): Promise<FileLine[] | undefined> {
    const block = Buffer.allocUnsafe(BLOCK_SIZE);
    const { bytesRead } = await this.#file.read(block, 0, BLOCK_SIZE, this.#position);
    if (bytesRead === 0) return undefined;
    const start = this.#position - this.#rest.length;
    const bytes = Buffer.concat([this.#rest, block.subarray(0, bytesRead)]);
    this.#position += bytesRead;
    const lines: FileLine[] = [];
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      lines.push({ offset: start + from, bytes: bytes.subarray(from, end) });
      from = end + 1;
    }
    // What is left of a line that is too long is a damaged line as well.
    this.#rest = bytes.length - from > LINE_LIMIT ? new Uint8Array() : bytes.subarray(from);
    return lines;
  }
}

/** Whole lines before `end`, the last first. What follows the last newline is no line yet. */
export async function* linesBackwards(file: FileHandle, end: number): AsyncGenerator<FileLine, undefined> {
  let position = end;
  /** The end of a line whose beginning has not been read; undefined until the last newline is found. */
  let rest: Uint8Array | undefined;
  while (position > 0) {
    const size = Math.min(BLOCK_SIZE, position);
    position -= size;
    const block = Buffer.alloc(size);
    const { bytesRead } = await file.read(block, 0, size, position);
    if (bytesRead < size) return undefined; // truncated meanwhile
    const bytes: Uint8Array = rest ? Buffer.concat([block, rest]) : block;
    let to = rest ? bytes.length : bytes.lastIndexOf(NEWLINE);
    if (to < 0) continue;
    for (let before = newlineBefore(bytes, to); before >= 0; before = newlineBefore(bytes, to)) {
      yield { offset: position + before + 1, bytes: bytes.subarray(before + 1, to) };
      to = before;
    }
    rest = to > LINE_LIMIT ? new Uint8Array() : bytes.subarray(0, to);
  }
  if (rest) yield { offset: 0, bytes: rest };
  return undefined;
}

/** The last newline before `to`, or -1. */
const newlineBefore = (bytes: Uint8Array, to: number): number =>
  to === 0 ? -1 : bytes.lastIndexOf(NEWLINE, to - 1);
