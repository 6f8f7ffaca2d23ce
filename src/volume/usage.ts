/** How much a volume holds. */
import { type Dirent, promises as fs } from "node:fs";
import { codeOf } from "../lib/errors.ts";

/**
 * Bytes of all files below `directory`, as long as they say they are; a file with several names counts once.
 * Somebody may be at work in there: what is gone by now counts nothing.
 */
export async function sizeOf(directory: string): Promise<number> {
  const seen = new Set<string>();
  const ahead = [Buffer.from(directory)];
  let size = 0;
  for (let path = ahead.pop(); path; path = ahead.pop()) {
    for (const entry of await entriesOf(path)) {
      const child = Buffer.concat([path, Buffer.from("/"), entry.name]);
      if (entry.isDirectory()) ahead.push(child);
      else if (entry.isFile()) size += await fileSize(child, seen);
    }
  }
  return size;
}

async function fileSize(path: Buffer, seen: Set<string>): Promise<number> {
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

// Names are bytes, not text.
async function entriesOf(directory: Buffer): Promise<readonly Dirent<Buffer>[]> {
  try {
    return await fs.readdir(directory, { withFileTypes: true, encoding: "buffer" });
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENOTDIR") return [];
    throw thrown;
  }
}
