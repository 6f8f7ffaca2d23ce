import { readdirSync } from "node:fs";
import { codeOf } from "./errors.ts";

/** What is in a directory; nothing where there is none. @throws what node:fs does */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
