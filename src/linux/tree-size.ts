/** What a tree of files takes. */
import { promises as fs } from "node:fs";
import { codeOf } from "../lib/errors.ts";

/** stat(2): st_blocks counts these, whatever the file system's own are. */
const BLOCK = 512;

/** Looked at at the same time: as many as wait on a disk that is far away, not as many as a directory may hold. */
const TOGETHER = 32;

export interface TreeSize {
  /** Bytes of all regular files, as long as they say they are. */
  readonly length: number;
  /** Bytes that everything below takes on its disk, directories too. */
  readonly allocated: number;
}

/**
 * A file with several names counts once. Somebody may be at work in there: what is gone by now counts nothing, nor does
 * a directory that is not there.
 */
export async function treeSize(directory: string): Promise<TreeSize> {
  const seen = new Set<string>();
  const ahead: Buffer[] = [Buffer.from(directory)];
  let [length, allocated] = [0, 0];

  async function add(path: Buffer): Promise<void> {
    const stat = await fs.lstat(path).catch(gone);
    if (!stat) return;
    if (stat.isDirectory()) ahead.push(path);
    else if (stat.nlink > 1) {
      const identity = `${stat.dev}:${stat.ino}`;
      if (seen.has(identity)) return;
      seen.add(identity);
    }
    if (stat.isFile()) length += stat.size;
    allocated += stat.blocks * BLOCK;
  }

  for (let path = ahead.pop(); path; path = ahead.pop()) {
    const children = await childrenOf(path);
    for (let at = 0; at < children.length; at += TOGETHER) {
      await Promise.all(children.slice(at, at + TOGETHER).map(add));
    }
  }
  return { length, allocated };
}

// Names are bytes, not text.
async function childrenOf(directory: Buffer): Promise<readonly Buffer[]> {
  const names = (await fs.readdir(directory, { encoding: "buffer" }).catch(gone)) ?? [];
  return names.map((name) => Buffer.concat([directory, Buffer.from("/"), name]));
}

function gone(thrown: unknown): undefined {
  if (!["ENOENT", "ENOTDIR"].includes(codeOf(thrown) ?? "")) throw thrown;
}
