/**
 * A log in several files: the one that is written to, and those that are full, `container.log.7`, numbered as they
 * came and never renamed again, so that who reads them finds the next one whatever happens meanwhile. Compressed,
 * they end in `.gz`.
 */

import { createWriteStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { codeOf } from "../../lib/errors.ts";
import { namesIn } from "../../lib/names-in.ts";

export interface FullLog {
  readonly sequence: number;
  readonly path: string;
  readonly compressed: boolean;
}

/** Of the log at `path`, the oldest first. */
export function fullLogs(path: string): readonly FullLog[] {
  const name = basename(path);
  const found = new Map<number, FullLog>();
  for (const each of namesIn(dirname(path))) {
    if (!each.startsWith(`${name}.`)) continue;
    const [, digits, ending] = /^(\d+)(\.gz)?$/.exec(each.slice(name.length + 1)) ?? [];
    if (digits === undefined) continue;
    const sequence = Number(digits);
    // Of one that was just compressed, there are both for a moment.
    if (ending !== undefined && found.has(sequence)) continue;
    found.set(sequence, {
      sequence,
      path: join(dirname(path), each),
      compressed: ending !== undefined,
    });
  }
  return [...found.values()].toSorted((a, b) => a.sequence - b.sequence);
}

export const lastSequence = (path: string): number => fullLogs(path).at(-1)?.sequence ?? 0;

export const fullLogPath = (path: string, sequence: number): string => `${path}.${sequence}`;

/** @returns undefined where it has gone meanwhile: removed, or compressed */
export async function openFullLog(log: FullLog): Promise<FileHandle | undefined> {
  try {
    return log.compressed ? await decompressed(log.path) : await open(log.path, "r");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

/** In a file without a name: it may be larger than what memory there is. */
async function decompressed(path: string): Promise<FileHandle> {
  const source = await open(path, "r");
  const packed = source.createReadStream(); // which closes it
  const directory = await mkdtemp(join(tmpdir(), "drawbridge-log-"));
  try {
    const plain = join(directory, "log");
    await pipeline(packed, createGunzip(), createWriteStream(plain, { flags: "wx", mode: 0o600 }));
    return await open(plain, "r");
  } finally {
    packed.destroy();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Whoever reads the plain file meanwhile keeps it. */
export async function compress(log: FullLog): Promise<void> {
  const half = `${log.path}.gz.tmp`;
  const [source, target] = [await open(log.path, "r"), await open(half, "w", 0o640)];
  await pipeline(source.createReadStream(), createGzip(), target.createWriteStream());
  await rename(half, `${log.path}.gz`);
  await rm(log.path, { force: true });
}
