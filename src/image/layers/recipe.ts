/**
 * How a layer's tar is made again, bit for bit, out of the files that it was unpacked to: the bytes between
 * files' contents as they came, and where each content is now. A directory of its own beside the layer's:
 *
 *     tar.zst     records, one after another, with zstd's own checksum
 *     kept/<n>    contents that the layer does not show: a later entry of the same tar took their name
 *     kept.json   [{ path, before, n }]: for contents of `path` among the first `before`, see kept/<n>
 *
 * A record, integers big-endian:
 *
 *     0  u64 bytes of the tar                                the end
 *     1  u32 length, bytes                                   literally
 *     2  u16 length, path, u64 offset, u64 length            a piece of a file's content
 */
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { internal } from "../../lib/errors.ts";
import { ByteQueue } from "../../tar/byte-queue.ts";

const KIND = { end: 0, literal: 1, content: 2 } as const;
/** Records are handed to the compressor in batches of about this many bytes. */
const BATCH = 1 << 16;
/** Literal bytes are read back in pieces of at most this. */
const LONGEST_PIECE = 1 << 20;

export interface Kept {
  /** A byte string, one character a byte. */
  readonly path: string;
  readonly before: number;
  readonly n: number;
}

export type Step =
  | { readonly literal: Buffer }
  | {
      readonly path: string;
      readonly kept: number | undefined;
      readonly offset: number;
      readonly length: number;
    };

const record = (kind: number, length: number): Buffer => {
  const bytes = Buffer.alloc(1 + length);
  bytes[0] = kind;
  return bytes;
};

/** Takes a recipe down while a tar is read, in the order of the tar. */
export class RecipeWriter {
  readonly #directory: string;
  readonly #compressor = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  readonly #written: Promise<void>;
  readonly #kept: Kept[] = [];
  #batch: Buffer[] = [];
  #batched = 0;
  /** The last records of each kind, as long as they can grow. */
  #literal: Buffer[] = [];
  #content: { readonly path: string; readonly offset: number; length: number } | undefined;
  #contents = 0;
  #tarSize = 0;

  /** @param directory exists, and is empty */
  constructor(directory: string) {
    this.#directory = directory;
    this.#written = pipeline(this.#compressor, fs.createWriteStream(join(directory, "tar.zst")));
    // Told by `finish`; a write that fails before is no unhandled rejection.
    this.#written.catch(() => {});
  }

  /** Wait for what comes back, if anything does: the disk is slower than the tar. */
  literal(bytes: Buffer): Promise<void> | undefined {
    this.#endContent();
    this.#tarSize += bytes.length;
    this.#literal.push(bytes);
    this.#batched += bytes.length;
    return this.#batched > BATCH ? this.#flush() : undefined;
  }

  /** A piece of the file at `path`, a byte string. Wait as for `literal`. */
  content(path: string, offset: number, length: number): Promise<void> | undefined {
    this.#endLiteral();
    this.#tarSize += length;
    const last = this.#content;
    if (last?.path === path && last.offset + last.length === offset) {
      last.length += length;
      return undefined;
    }
    this.#endContent();
    this.#content = { path, offset, length };
    return this.#batched > BATCH ? this.#flush() : undefined;
  }

  /** The file at `path`, in bytes `real`, goes from the layer: its content is kept aside. */
  lose(path: string, real: Buffer): void {
    this.#endContent();
    const kept = join(this.#directory, "kept");
    const n = this.#kept.length;
    if (n === 0) fs.mkdirSync(kept);
    fs.renameSync(real, join(kept, String(n)));
    this.#kept.push({ path, before: this.#contents, n });
  }

  /** All of it is on its way to the disk. @returns bytes of the tar. @throws what writing throws */
  async finish(): Promise<number> {
    this.#endContent();
    const end = record(KIND.end, 8);
    end.writeBigUInt64BE(BigInt(this.#tarSize), 1);
    this.#endLiteral();
    this.#batch.push(end);
    await this.#flush();
    this.#compressor.end();
    await this.#written;
    if (this.#kept.length > 0) {
      fs.writeFileSync(join(this.#directory, "kept.json"), JSON.stringify(this.#kept));
    }
    return this.#tarSize;
  }

  /** Nothing will come of it. */
  async abandon(): Promise<void> {
    this.#compressor.destroy();
    await this.#written.catch(() => {}); // it is thrown away whatever became of it
  }

  #endLiteral(): void {
    if (this.#literal.length === 0) return;
    const head = record(KIND.literal, 4);
    head.writeUInt32BE(
      this.#literal.reduce((sum, { length }) => sum + length, 0),
      1,
    );
    this.#batch.push(head, ...this.#literal);
    this.#literal = [];
  }

  #endContent(): void {
    const last = this.#content;
    if (!last) return;
    const path = Buffer.from(last.path, "latin1");
    const bytes = record(KIND.content, 2 + path.length + 16);
    bytes.writeUInt16BE(path.length, 1);
    path.copy(bytes, 3);
    bytes.writeBigUInt64BE(BigInt(last.offset), 3 + path.length);
    bytes.writeBigUInt64BE(BigInt(last.length), 11 + path.length);
    this.#batch.push(bytes);
    this.#batched += bytes.length;
    this.#content = undefined;
    this.#contents += 1;
  }

  async #flush(): Promise<void> {
    this.#endLiteral();
    const batch = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batched = 0;
    if (this.#compressor.destroyed) await this.#written;
    if (!this.#compressor.write(batch)) await Promise.race([once(this.#compressor, "drain"), this.#written]);
  }
}

/** The recipe in `directory`, step by step. @throws internal where it is damaged; what reading throws */
export async function* readRecipe(directory: string): AsyncGenerator<Step> {
  const keptOf = readKept(join(directory, "kept.json"));
  const file = fs.createReadStream(join(directory, "tar.zst"));
  const decompressor = createZstdDecompress();
  // The decompressor is destroyed with the error; its reader hears of it.
  const fed = pipeline(file, decompressor);
  fed.catch(() => {});
  const queue = new ByteQueue(decompressor);
  const exactly = async (count: number): Promise<Buffer> => {
    const bytes = await queue.take(count);
    if (bytes.length < count) throw internal(`the recipe of a layer's tar is cut short: ${directory}`);
    return bytes;
  };
  let contents = 0;
  let tarSize = 0;
  try {
    for (;;) {
      const kind = (await exactly(1))[0];
      if (kind === KIND.end) {
        const size = Number((await exactly(8)).readBigUInt64BE());
        if (size !== tarSize) throw internal(`the recipe of a layer's tar is damaged: ${directory}`);
        await queue.drain();
        return;
      }
      if (kind === KIND.literal) {
        for (let left = (await exactly(4)).readUInt32BE(); left > 0; ) {
          const literal = await exactly(Math.min(left, LONGEST_PIECE));
          left -= literal.length;
          tarSize += literal.length;
          yield { literal };
        }
      } else if (kind === KIND.content) {
        const path = (await exactly((await exactly(2)).readUInt16BE())).toString("latin1");
        const numbers = await exactly(16);
        const [offset, length] = [numbers.readBigUInt64BE(0), numbers.readBigUInt64BE(8)].map(Number);
        tarSize += length ?? 0;
        yield { path, kept: keptOf(path, contents), offset: offset ?? 0, length: length ?? 0 };
        contents += 1;
      } else {
        throw internal(`the recipe of a layer's tar is damaged: ${directory}`);
      }
    }
  } finally {
    decompressor.destroy();
  }
}

/** Where the n-th content, once at a path, is kept aside; undefined where the layer itself has it. */
function readKept(file: string): (path: string, nth: number) => number | undefined {
  if (!fs.existsSync(file)) return () => undefined;
  const byPath = Map.groupBy(JSON.parse(fs.readFileSync(file, "utf8")) as Kept[], ({ path }) => path);
  // In the order of their going: the first that went after the content came is it.
  return (path, nth) => byPath.get(path)?.find(({ before }) => before > nth)?.n;
}
