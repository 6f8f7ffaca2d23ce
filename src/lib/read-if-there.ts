import { readFileSync } from "node:fs";
import { codeOf } from "./errors.ts";

/** A small file's text; undefined where there is none. @throws what node:fs does */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
