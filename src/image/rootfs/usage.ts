import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";

/** Bytes of all files below `directory`, as long as they say they are; a file with several names counts once. */
export async function sizeOfTree(directory: string): Promise<number> {
  const pace = makePace();
  const seen = new Set<number>();
  const ahead = [Buffer.from(directory)];
  let size = 0;
  for (let path = ahead.pop(); path; path = ahead.pop()) {
    for (const name of entriesOf(path)) {
      const child = Buffer.concat([path, Buffer.from("/"), name]);
      // A container may be at work in there: what is gone by now counts nothing.
      const stat = fs.lstatSync(child, { throwIfNoEntry: false });
      if (stat?.isDirectory()) ahead.push(child);
      else if (stat?.isFile() && !(stat.nlink > 1 && seen.has(stat.ino))) {
        size += stat.size;
        if (stat.nlink > 1) seen.add(stat.ino);
      }
    }
    await pace();
  }
  return size;
}

function entriesOf(directory: Buffer): Buffer[] {
  try {
    return fs.readdirSync(directory, { encoding: "buffer" });
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
