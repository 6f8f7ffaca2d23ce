/** What a pull or a push tells, as plain lines: how far a layer has come is left out. */
import type { Readable } from "node:stream";
import { lines } from "./lines.ts";

interface Progress {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** @throws Error with what the engine told last, where that was a failure */
export async function showProgress(stream: Readable, write: (line: string) => void): Promise<void> {
  for await (const line of lines(stream)) {
    const { status, id, progressDetail, error, errorDetail } = JSON.parse(line) as Progress;
    if (error ?? errorDetail) throw new Error(errorDetail?.message ?? error);
    if (status && !progressDetail?.current) write(`${id ? `${id}: ` : ""}${status}\n`);
  }
}
