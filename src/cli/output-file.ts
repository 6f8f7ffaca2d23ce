import { createWriteStream, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { ExitError } from "./errors.ts";

/**
 * Where an archive goes: a file, or standard output, which is no terminal.
 * @returns to be called once there is something to write: a refusal leaves no empty file
 * @throws ExitError
 */
export function outputFile(path: string | undefined, verb: string): () => Writable {
  if (path === undefined) {
    if (process.stdout.isTTY) {
      throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    return () => process.stdout;
  }
  const directory = dirname(path);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ExitError(1, `failed to ${verb}: invalid output path: directory "${directory}" does not exist`);
  }
  return () => createWriteStream(path);
}
