/** A layer's tar, from its recipe and its files. */
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { internal } from "../../lib/errors.ts";
import { checked } from "../checked.ts";
import type { DiffID } from "../types.ts";
import { readRecipe } from "./recipe.ts";

/** Bytes of a file that are read at a time. */
const PIECE = 1 << 18;

export interface LayerFiles {
  readonly tree: string;
  readonly recipe: string;
}

/** The tar that was unpacked to `files`. @throws internal where what is needed is gone or damaged */
export async function* tarAgain(files: LayerFiles): AsyncGenerator<Buffer> {
  let open: { readonly path: Buffer; readonly file: fs.promises.FileHandle } | undefined;
  try {
    for await (const step of readRecipe(files.recipe)) {
      if ("literal" in step) {
        yield step.literal;
        continue;
      }
      const path = pathOf(files, step.path, step.kept);
      if (!open?.path.equals(path)) {
        await open?.file.close();
        open = undefined;
        open = { path, file: await openFile(path) };
      }
      yield* contentOf(open.file, step, path);
    }
  } finally {
    await open?.file.close();
  }
}

const pathOf = ({ tree, recipe }: LayerFiles, path: string, kept: number | undefined): Buffer =>
  kept === undefined
    ? Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path, "latin1")])
    : Buffer.from(join(recipe, "kept", String(kept)));

const openFile = (path: Buffer): Promise<fs.promises.FileHandle> =>
  fs.promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);

async function* contentOf(
  file: fs.promises.FileHandle,
  { offset, length }: { readonly offset: number; readonly length: number },
  path: Buffer,
): AsyncGenerator<Buffer> {
  for (let at = offset, end = offset + length; at < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw internal(`${path} is shorter than it was when its layer came`);
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** The same bytes as a stream, which fails at its end where they don't have the digest that they should. */
export const verified = (diffId: DiffID, source: AsyncIterable<Buffer>, why: string): Readable =>
  Readable.from(
    checked(source, (digest) =>
      digest === diffId ? undefined : internal(`layer ${diffId}: its tar would be ${digest}: ${why}`),
    ),
    { objectMode: false, highWaterMark: PIECE },
  );
