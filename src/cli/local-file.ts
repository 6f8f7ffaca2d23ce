import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { codeOf } from "../lib/errors.ts";
import { ExitError } from "./errors.ts";

/** errno's texts, as Docker's command shows them. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EACCES: "permission denied",
};

/** Of a file of this machine that `call` could not be done on: `open PATH: no such file or directory`. */
export function refusal(call: "open" | "lstat", path: string, thrown: unknown): unknown {
  const words = WORDS[codeOf(thrown) ?? ""];
  return words ? new ExitError(1, `${call} ${path}: ${words}`) : thrown;
}

/** @throws ExitError in Docker's words, before anything is sent to the engine */
export async function openLocal(path: string): Promise<Readable> {
  try {
    const handle = await open(path);
    return createReadStream("", { fd: handle });
  } catch (thrown) {
    throw refusal("open", path, thrown);
  }
}
