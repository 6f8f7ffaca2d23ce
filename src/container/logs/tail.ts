/** Where the last lines of a log begin. */
import type { FileHandle } from "node:fs/promises";
import type { LogEntry } from "../process/monitor-types.ts";
import { linesBackwards } from "./blocks.ts";
import { parseLine } from "./line.ts";

type Stream = LogEntry["stream"];

/** From which offset in a file on each stream's lines belong to the tail. */
export type TailStart = Record<Stream, number>;

/** How far before the last lines their first pieces are looked for. */
const SEARCH_LIMIT = 1 << 20;

export interface FoundTail {
  readonly start: TailStart;
  /** Lines that are still to be found, in what came before this file. */
  readonly left: number;
}

/**
 * The last `count` lines before `end`, among the streams that are `wanted`. The pieces of two streams' lines
 * may be mixed, so each stream has its own beginning.
 */
export async function findTail(
  file: FileHandle,
  end: number,
  count: number,
  wanted: Readonly<Record<Stream, boolean>>,
): Promise<FoundTail> {
  const start: TailStart = { stdout: end, stderr: end };
  /** Streams whose earliest counted line may have pieces further before. */
  const open = new Set<Stream>();
  const complete = new Set<Stream>();
  let left = count;
  let enoughAt = end;
  for await (const { offset, bytes } of linesBackwards(file, end)) {
    if (left === 0 && (open.size === 0 || enoughAt - offset > SEARCH_LIMIT)) break;
    const line = parseLine(bytes);
    if (!line || !wanted[line.stream] || complete.has(line.stream)) continue;
    const begins = !line.partial || !open.has(line.stream);
    if (begins && left === 0) {
      complete.add(line.stream);
      open.delete(line.stream);
      continue;
    }
    if (begins) {
      left -= 1;
      enoughAt = offset;
      open.add(line.stream);
    }
    start[line.stream] = offset;
  }
  return { start, left };
}
