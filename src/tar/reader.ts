/**
 * Tar archives as they come, in constant memory: ustar, pax and GNU headers, sparse files in all of GNU's
 * formats. Written here because layers need three things that stream parsers drop: attribute values that
 * are not text, where the data of sparse files belongs, and whether the archive ended as it must.
 */
import { invalid } from "../lib/errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import { type TarEntry, TYPEFLAG, XATTR } from "./entry.ts";
import { BLOCK, decodeHeader, type Header, isZero } from "./header.ts";
import { decodePax, type PaxRecords } from "./pax.ts";
import {
  checkedMap,
  decimal,
  numbersOfPax,
  OLD_GNU,
  octal,
  pairsOfBlock,
  type Run,
  type SparseMap,
} from "./sparse.ts";

/** A piece of a file and where in the file it belongs. */
export interface Piece {
  readonly position: number;
  readonly data: Buffer;
}

/** Names and attributes are small; more is an attack on memory. */
const LONGEST_EXTRA_HEADER = 1 << 20;
const MOST_RUNS = 1 << 20;

/** PATH_MAX, XATTR_NAME_MAX, XATTR_SIZE_MAX (linux/limits.h): the kernel takes none that are longer. */
const LONGEST_PATH = 4095;
const LONGEST_ATTRIBUTE_NAME = 255;
const LARGEST_ATTRIBUTE = 1 << 16;

/** The last one means "leave as it is" to chown(2). */
const LARGEST_ID = 2 ** 32 - 2;
/** MINORBITS of linux/kdev_t.h is 20. */
const LARGEST_MAJOR = 2 ** 12 - 1;
const LARGEST_MINOR = 2 ** 20 - 1;

const TYPE: Partial<Record<string, TarEntry["type"]>> = {
  ...Object.fromEntries(Object.entries(TYPEFLAG).map(([type, flag]) => [flag, type as TarEntry["type"]])),
  "7": "file",
  S: "file",
};

/** What the headers before an entry's own said of it. */
interface Extras {
  readonly pax: PaxRecords;
  readonly longName?: string;
  readonly longLink?: string;
}

export class TarReader {
  readonly #bytes: ByteQueue;
  readonly #see: (bytes: Buffer) => Promise<void> | undefined;
  #global: PaxRecords = [];
  /** What is left of the current entry's data, in archive order. */
  #runs: Run[] = [];
  #padding = 0;

  /** @param see shown all bytes, in order, but those that `read` gives */
  constructor(
    source: AsyncIterable<Buffer>,
    see: (bytes: Buffer) => Promise<void> | undefined = () => undefined,
  ) {
    this.#bytes = new ByteQueue(source);
    this.#see = see;
  }

  /**
   * The next entry; what was not read of the one before is skipped. At the end of the archive the stream
   * is read to its own end, and the answer is undefined.
   * @throws invalid where the archive is damaged or cut short
   */
  async next(): Promise<TarEntry | undefined> {
    await this.#skip();
    let extras: Extras = { pax: [] };
    for (;;) {
      const block = await this.#block("a header");
      if (isZero(block)) {
        await this.#drain();
        return undefined;
      }
      const header = decodeHeader(block);
      switch (header.typeflag) {
        case "x":
          extras = { ...extras, pax: decodePax(await this.#extra(header)) };
          break;
        case "g":
          this.#global = decodePax(await this.#extra(header));
          break;
        case "L":
          extras = { ...extras, longName: untilNul(await this.#extra(header)) };
          break;
        case "K":
          extras = { ...extras, longLink: untilNul(await this.#extra(header)) };
          break;
        default:
          return await this.#entry(header, block, extras);
      }
    }
  }

  /** The next piece of the current entry's data; undefined when there is no more. @throws invalid where it is cut short */
  async read(): Promise<Piece | undefined> {
    const run = this.#runs[0];
    if (!run) return undefined;
    const data = await this.#bytes.some(run.length);
    if (!data) throw invalid("the tar archive is cut short: it ends within a file");
    if (data.length === run.length) this.#runs.shift();
    else this.#runs[0] = { offset: run.offset + data.length, length: run.length - data.length };
    return { position: run.offset, data };
  }

  /** Stop reading. */
  close(): Promise<void> {
    return this.#bytes.close();
  }

  async #skip(): Promise<void> {
    for (let piece = await this.read(); piece; piece = await this.read()) await this.#see(piece.data);
    const padding = this.#padding;
    this.#padding = 0;
    if ((await this.#take(padding)).length < padding) {
      throw invalid("the tar archive is cut short: it ends within a file");
    }
  }

  /** Exactly `count` bytes that are no file's, or fewer where the archive ends before. */
  async #take(count: number): Promise<Buffer> {
    const bytes = await this.#bytes.take(count);
    if (bytes.length > 0) await this.#see(bytes);
    return bytes;
  }

  /** What comes after the end of the archive is of no use, but it is part of the stream. */
  async #drain(): Promise<void> {
    for (;;) {
      const bytes = await this.#bytes.some(Number.MAX_SAFE_INTEGER);
      if (!bytes) return;
      await this.#see(bytes);
    }
  }

  async #block(what: string): Promise<Buffer> {
    const block = await this.#take(BLOCK);
    if (block.length === BLOCK) return block;
    throw invalid(
      block.length === 0
        ? "the tar archive is cut short: it has no end-of-archive mark"
        : `the tar archive is cut short: it ends within ${what}`,
    );
  }

  async #extra(header: Header): Promise<Buffer> {
    if (header.size > LONGEST_EXTRA_HEADER) {
      throw invalid(`tar: a header of ${header.size} bytes, and at most ${LONGEST_EXTRA_HEADER} make sense`);
    }
    const padded = header.size + paddingOf(header.size);
    const bytes = await this.#take(padded);
    if (bytes.length < padded) throw invalid("the tar archive is cut short: it ends within a header");
    return bytes.subarray(0, header.size);
  }

  async #entry(header: Header, block: Buffer, extras: Extras): Promise<TarEntry> {
    // An empty value takes back what a global header said (pax(1)).
    const records = [...this.#global, ...extras.pax];
    const pax = new Map(records.filter(([, value]) => value.length > 0));
    for (const [key, value] of extras.pax) if (value.length === 0) pax.delete(key);
    const said = (key: string): string | undefined => pax.get(key)?.toString("latin1");
    const whole = (key: string): number | undefined => {
      const value = said(key);
      return value === undefined ? undefined : decimal(value);
    };

    const name = said("GNU.sparse.name") ?? said("path") ?? extras.longName ?? header.name;
    // Before POSIX, a directory was a file whose name ends in a slash.
    const type = header.typeflag === "0" && name.endsWith("/") ? "directory" : TYPE[header.typeflag];
    if (!type) {
      throw invalid(`tar entry ${name}: unknown type ${JSON.stringify(header.typeflag)}`);
    }
    // Whatever the size field says, only files have data.
    const archived = type === "file" ? (whole("size") ?? header.size) : 0;
    this.#padding = paddingOf(archived);
    const map = await this.#mapOf(header, block, pax, records, archived);
    this.#runs = [...map.runs];
    return {
      type,
      name: path(name),
      mode: header.mode,
      uid: within(LARGEST_ID, whole("uid") ?? header.uid, name),
      gid: within(LARGEST_ID, whole("gid") ?? header.gid, name),
      size: map.size,
      mtime: seconds(said("mtime")) ?? header.mtime,
      linkname: linkOf(type, name, said("linkpath") ?? extras.longLink ?? header.linkname),
      major: within(LARGEST_MAJOR, header.major, name),
      minor: within(LARGEST_MINOR, header.minor, name),
      xattrs: attributesOf(pax, name),
    };
  }

  async #mapOf(
    header: Header,
    block: Buffer,
    pax: ReadonlyMap<string, Buffer>,
    records: PaxRecords,
    archived: number,
  ): Promise<SparseMap> {
    if (header.typeflag === "S") {
      return checkedMap(await this.#oldGnuPairs(block), octal(block, OLD_GNU.header.realSize), archived);
    }
    const realSize = pax.get("GNU.sparse.realsize") ?? pax.get("GNU.sparse.size");
    if (!realSize) {
      return { size: archived, runs: archived > 0 ? [{ offset: 0, length: archived }] : [] };
    }
    const size = decimal(realSize.toString("latin1"));
    const numbers = numbersOfPax(records);
    if (numbers) return checkedMap(numbers, size, archived);
    const { pairs, length } = await this.#leadingPairs(archived);
    return checkedMap(pairs, size, archived - length);
  }

  async #oldGnuPairs(block: Buffer): Promise<number[]> {
    const numbers = pairsOfBlock(block, OLD_GNU.header);
    for (let more = block[OLD_GNU.header.flag] === 1; more; ) {
      const extension = await this.#block("a sparse map");
      numbers.push(...pairsOfBlock(extension, OLD_GNU.extension));
      more = extension[OLD_GNU.extension.flag] === 1;
      if (numbers.length > 2 * MOST_RUNS) throw invalid("tar: a sparse map without end");
    }
    return numbers;
  }

  /** Pax format 1.0: the data begins with a count and that many pairs, a line each, padded to a block. */
  async #leadingPairs(archived: number): Promise<{ pairs: number[]; length: number }> {
    const numbers: number[] = [];
    let text = "";
    let length = 0;
    for (;;) {
      if (length + BLOCK > archived) throw invalid("tar: damaged sparse map");
      text += (await this.#block("a sparse map")).toString("latin1");
      length += BLOCK;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        numbers.push(decimal(line));
        const count = numbers[0] ?? 0;
        if (count > MOST_RUNS) throw invalid("tar: a sparse map without end");
        if (numbers.length === 1 + 2 * count) return { pairs: numbers.slice(1), length };
      }
    }
  }
}

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

/** @throws invalid for one that the kernel would not take */
function path(name: string): string {
  if (name.length > LONGEST_PATH) {
    throw invalid(`tar entry ${name.slice(0, 64)}…: a name of ${name.length} bytes`);
  }
  return name;
}

function linkOf(type: TarEntry["type"], name: string, target: string): string {
  if (type !== "symlink" && type !== "hard-link") return "";
  if (target === "" || target.includes("\0")) throw invalid(`tar entry ${name}: a link to nothing`);
  return path(target);
}

function attributesOf(pax: ReadonlyMap<string, Buffer>, name: string): ReadonlyMap<string, Buffer> {
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (!key.startsWith(XATTR)) continue;
    const attribute = key.slice(XATTR.length);
    const { length } = attribute;
    if (length === 0 || length > LONGEST_ATTRIBUTE_NAME || attribute.includes("\0")) {
      throw invalid(`tar entry ${name}: an attribute's name of ${length} bytes`);
    }
    if (value.length > LARGEST_ATTRIBUTE) {
      throw invalid(`tar entry ${name}: its attribute ${attribute} has ${value.length} bytes`);
    }
    attributes.set(attribute, value);
  }
  return attributes;
}

function seconds(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^-?[0-9]{1,18}(\.[0-9]*)?$/.test(value)) throw invalid(`tar: not a time: ${JSON.stringify(value)}`);
  return Number(value);
}

function within(largest: number, value: number, name: string): number {
  if (value >= 0 && value <= largest) return value;
  throw invalid(`tar entry ${name}: owner or device number out of range: ${value}`);
}
