/** What a tar says of a file's content, put where it belongs. */
import * as fs from "node:fs";
import { promisify } from "node:util";
import type { Piece } from "./reader.ts";

/** Writing more than this goes through the thread pool, so that a slow disk holds nobody up. */
const SMALL = 1 << 20;

const write = promisify(fs.write);

/** What of a large file is all zeros becomes a hole: it reads the same. */
export async function writePiece(file: number, { data, position }: Piece, size: number): Promise<void> {
  if (size > SMALL && isZeros(data)) return;
  for (let at = 0; at < data.length; ) {
    const left = data.length - at;
    at +=
      size <= SMALL
        ? fs.writeSync(file, data, at, left, position + at)
        : (await write(file, data, at, left, position + at)).bytesWritten;
  }
}

const ZEROS = Buffer.alloc(1 << 16);

function isZeros(data: Buffer): boolean {
  for (let at = 0; at < data.length; at += ZEROS.length) {
    const end = Math.min(at + ZEROS.length, data.length);
    if (data.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
