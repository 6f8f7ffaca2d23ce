/** How much a directory holds. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of all files below, each counted once however many names it has. What goes meanwhile is not counted. */
export async function sizeOf(directory: string, seen = new Set<number>()): Promise<number> {
  const names = await readdir(directory).catch(whenGone<string[]>([]));
  let total = 0;
  for (const name of names) {
    const path = join(directory, name);
    const stats = await lstat(path).catch(whenGone(undefined));
    if (!stats) continue;
    if (stats.isDirectory()) total += await sizeOf(path, seen);
    else if (stats.isFile() && !seen.has(stats.ino)) {
      seen.add(stats.ino);
      total += stats.size;
    }
  }
  return total;
}

const whenGone =
  <T>(instead: T) =>
  (thrown: unknown): T => {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return instead;
    throw thrown;
  };
