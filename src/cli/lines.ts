import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** The lines of a stream that aren't empty, as they come. */
export async function* lines(stream: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== "") yield line;
  }
}
