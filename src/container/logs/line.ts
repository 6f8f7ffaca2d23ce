/**
 * The lines of conmon's log (`k8s-file`, the format of the Kubernetes CRI):
 * `2026-01-02T03:04:05.000000006+00:00 stdout F text`, with `P` for a piece that the process has not yet ended
 * with a newline.
 */
import { formatTime } from "../../lib/events.ts";
import type { LogEntry } from "../process/monitor-types.ts";

export interface LogLine {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly stream: "stdout" | "stderr";
  readonly partial: boolean;
  readonly text: Uint8Array;
}

const SPACE = 0x20;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})(Z|[+-]\d\d:\d\d)$/;

/** @param bytes without its newline @returns undefined for a damaged line */
export function parseLine(bytes: Uint8Array): LogLine | undefined {
  const first = bytes.indexOf(SPACE);
  const second = bytes.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0 || bytes[second + 2] !== SPACE) return undefined;
  const time = parseTime(ascii(bytes, 0, first));
  const stream = ascii(bytes, first + 1, second);
  const tag = ascii(bytes, second + 1, second + 2);
  if (time === undefined || (stream !== "stdout" && stream !== "stderr")) return undefined;
  if (tag !== "P" && tag !== "F") return undefined;
  return { time, stream, partial: tag === "P", text: bytes.subarray(second + 3) };
}

/** As conmon writes it, newline included. */
export function formatLine(line: LogLine): Uint8Array {
  const head = `${formatTime(line.time)} ${line.stream} ${line.partial ? "P" : "F"} `;
  return Buffer.concat([Buffer.from(head), line.text, Buffer.from("\n")]);
}

const ascii = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");

function parseTime(text: string): bigint | undefined {
  const [, seconds, fraction, zone] = TIME.exec(text) ?? [];
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (fraction === undefined || Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction);
}

/** A line that grows longer is given out in pieces of about this size, as Docker does. */
const ENTRY_LIMIT = 16 << 10;

interface Pending {
  readonly time: bigint;
  readonly pieces: Uint8Array[];
  size: number;
}

/** Joins the pieces of a line, each stream for itself. */
export class LineJoiner {
  readonly #pending = new Map<LogLine["stream"], Pending>();

  /** @returns the entry that this line completes, if it does */
  add(line: LogLine): LogEntry | undefined {
    const pending = this.#pending.get(line.stream) ?? { time: line.time, pieces: [], size: 0 };
    pending.pieces.push(line.partial ? line.text : Buffer.concat([line.text, NEWLINE]));
    pending.size += line.text.length;
    if (line.partial && pending.size < ENTRY_LIMIT) {
      this.#pending.set(line.stream, pending);
      return undefined;
    }
    this.#pending.delete(line.stream);
    return entryOf(line.stream, pending);
  }

  /** What is there of lines that were never ended. */
  flush(): LogEntry[] {
    const entries = [...this.#pending].map(([stream, pending]) => entryOf(stream, pending));
    this.#pending.clear();
    return entries;
  }
}

const NEWLINE = Buffer.from("\n");

const entryOf = (stream: LogLine["stream"], { time, pieces }: Pending): LogEntry => ({
  stream,
  time: formatTime(time),
  data: Buffer.concat(pieces),
});
