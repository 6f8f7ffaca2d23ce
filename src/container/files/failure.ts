/** What a path that can't be reached is called, in Docker's words. */
import { toText } from "../../lib/byte-names.ts";
import { codeOf, type EngineError, inContext, internal, notFound } from "../../lib/errors.ts";
import type { Asked } from "./naming.ts";

/** errno's texts, as Go writes them. */
const WORDS: Readonly<Record<string, string>> = {
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
};

/** @param given as the client wrote it */
export function unreachable(thrown: unknown, asked: Asked, given: string, container: string): EngineError {
  const code = codeOf(thrown) ?? "";
  if (code === "ENOENT") return missing(given, container);
  const words = WORDS[code];
  const where = `lstat ${toText(asked.shown)}`;
  return words ? internal(`${where}: ${words}`, thrown) : inContext(where, thrown);
}

export const missing = (given: string, container: string): EngineError =>
  notFound(`Could not find the file ${given} in container ${container}`);
