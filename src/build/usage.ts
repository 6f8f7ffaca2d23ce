/** What a directory takes on its disk. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../lib/errors.ts";

/** stat(2): st_blocks counts these, whatever the file system's own are. */
const BLOCK = 512;

/** Bytes of all files below, each once however many names it has; 0 where there is no such directory. */
export async function bytesBelow(directory: string): Promise<number> {
  const seen = new Set<number>();
  let sum = 0;
  const waiting = [directory];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    for (const entry of await entriesOf(current)) {
      const path = join(current, entry.name);
      const status = await lstat(path).catch(gone);
      if (!status || (status.nlink > 1 && !status.isDirectory() && seen.has(status.ino))) continue;
      seen.add(status.ino);
      sum += status.blocks * BLOCK;
      if (entry.isDirectory()) waiting.push(path);
    }
  }
  return sum;
}

const entriesOf = async (directory: string) =>
  (await readdir(directory, { withFileTypes: true }).catch(gone)) ?? [];

/** Builds go on meanwhile. */
function gone(thrown: unknown): undefined {
  if (codeOf(thrown) !== "ENOENT") throw thrown;
}
