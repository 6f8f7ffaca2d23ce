/** How much a volume holds. */
import { type Dirent, promises as fs } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../lib/errors.ts";

/**
 * Bytes of all files below `directory`, as long as they say they are; a file with several names counts once.
 * Somebody may be at work in there: what is gone by now counts nothing.
 */
export async function sizeOf(directory: string): Promise<number> {
  const seen = new Set<string>();
  const ahead = [directory];
  let size = 0;
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    for (const entry of await entriesOf(path)) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) ahead.push(child);
      else if (entry.isFile()) size += await fileSize(child, seen);
    }
  }
  return size;
}

async function fileSize(path: string, seen: Set<string>): Promise<number> {
  try {
    const { dev, ino, nlink, size } = await fs.lstat(path);
    if (nlink > 1) {
      const identity = `${dev}:${ino}`;
      if (seen.has(identity)) return 0;
      seen.add(identity);
    }
    return size;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return 0;
    throw thrown;
  }
}

async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    return await fs.readdir(directory, { withFileTypes: true });
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENOTDIR") return [];
    throw thrown;
  }
}
