import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Drawbridge's own version, from package.json, which lies two up: run from source or as published. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
