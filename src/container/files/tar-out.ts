/** A part of a container's tree as a tar archive, in constant memory. The container may be at work in it meanwhile. */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  read as readWithCallback,
  type Stats,
} from "node:fs";
import { promisify } from "node:util";
import { toText } from "../../lib/byte-names.ts";
import { codeOf, inContext } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";
import { deviceNumbers } from "../../linux/mknod.ts";
import { linkTargetOf, openBeneath, pathOf } from "../../linux/openat2.ts";
import { getXattrOf } from "../../linux/xattr.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../tar/writer.ts";
import type { Found } from "./find.ts";
import { archivedName } from "./naming.ts";
import type { View } from "./view.ts";

const read = promisify(readWithCallback);

/** Bytes of one read, and of what is handed on at a time. */
const PIECE = 256 << 10;

/** Files up to this are read at once: a trip through the thread pool costs more. */
const SMALL = 64 << 10;

/** capability(7). Docker carries no other attribute out of a container. */
const CAPABILITY = "security.capability";

/** What came and went, or was swapped, since its directory was read. */
const GONE = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EXDEV"]);

const TYPES: readonly (readonly [is: (stats: Stats) => boolean, type: TarEntry["type"]])[] = [
  [(stats) => stats.isFile(), "file"],
  [(stats) => stats.isDirectory(), "directory"],
  [(stats) => stats.isSymbolicLink(), "symlink"],
  [(stats) => stats.isCharacterDevice(), "character-device"],
  [(stats) => stats.isBlockDevice(), "block-device"],
  [(stats) => stats.isFIFO(), "fifo"],
];

/** @throws KernelError, or an error of node:fs, while it is read: the archive is cut short then */
export async function* archiveOf(view: View, { descriptor, asked }: Found): AsyncGenerator<Buffer> {
  yield* gathered(new Archiver(view, descriptor, asked.archived).all());
}

class Archiver {
  readonly #view: View;
  readonly #top: number;
  readonly #archived: string;
  /** The first name of each file that has several. */
  readonly #names = new Map<string, string>();

  constructor(view: View, top: number, archived: string) {
    this.#view = view;
    this.#top = top;
    this.#archived = archived;
  }

  /** Each thing is looked up from the top, so that few descriptors are held however deep the tree is. */
  async *all(): AsyncGenerator<Buffer> {
    if (!fstatSync(this.#top).isDirectory()) {
      yield* this.#thing(this.#top, "");
      return;
    }
    const pace = makePace();
    const ahead = [""];
    for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
      const descriptor = this.#open(path);
      if (descriptor === undefined) continue;
      try {
        yield* this.#thing(descriptor, path);
        for (const name of this.#namesIn(descriptor)) ahead.push(path === "" ? name : `${path}/${name}`);
      } finally {
        closeSync(descriptor);
      }
      await pace();
    }
  }

  #open(path: string): number | undefined {
    try {
      return openBeneath(this.#top, path);
    } catch (thrown) {
      if (path !== "" && GONE.has(codeOf(thrown) ?? "")) return undefined;
      throw thrown;
    }
  }

  /** The last first; none of what is no directory. */
  #namesIn(descriptor: number): readonly string[] {
    if (!fstatSync(descriptor).isDirectory() || this.#view.isClosed(descriptor)) return [];
    return readdirSync(pathOf(descriptor), { encoding: "latin1" }).sort().reverse();
  }

  /** What `descriptor` names; of a directory its own entry alone. */
  async *#thing(descriptor: number, path: string): AsyncGenerator<Buffer> {
    const stats = fstatSync(descriptor);
    const type = TYPES.find(([is]) => is(stats))?.[1];
    // A socket is nothing without the process that made it, and tar has no word for it.
    if (!type) return;
    const name = archivedName(this.#archived, path, type === "directory");
    const first = this.#firstName(stats, name);
    const entry = entryOf(descriptor, stats, first === undefined ? type : "hard-link", name, first);
    if (entry.type !== "file" || entry.size === 0) {
      yield encodeEntry(entry);
      return;
    }
    const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
    let file: number;
    try {
      // The descriptor is that of a plain file; not blocking, because somebody may hold a lease on it.
      file = openSync(pathOf(descriptor), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    } catch (thrown) {
      throw inContext(`read ${toText(name)}`, thrown);
    }
    try {
      yield encodeEntry(entry);
      yield* contents(file, entry.size);
      yield padding(entry.size);
    } finally {
      closeSync(file);
    }
  }

  #firstName(stats: Stats, name: string): string | undefined {
    if (stats.nlink < 2 || stats.isDirectory()) return undefined;
    const key = `${stats.dev}:${stats.ino}`;
    const first = this.#names.get(key);
    if (first === undefined) this.#names.set(key, name);
    return first;
  }
}

function entryOf(
  descriptor: number,
  stats: Stats,
  type: TarEntry["type"],
  name: string,
  first: string | undefined,
): TarEntry {
  const [major, minor] = type.endsWith("device") ? deviceNumbers(stats.rdev) : [0, 0];
  const capability = type === "file" ? getXattrOf(descriptor, CAPABILITY) : undefined;
  return {
    type,
    name,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: type === "file" ? stats.size : 0,
    mtime: Math.floor(stats.mtimeMs / 1000),
    linkname: first ?? (type === "symlink" ? linkTargetOf(descriptor) : ""),
    major,
    minor,
    xattrs: new Map(capability ? [[CAPABILITY, capability]] : []),
  };
}

/** As many bytes as the header has said: one that grows is cut, one that shrinks ends in zeros. */
async function* contents(file: number, size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; ) {
    const piece = Buffer.allocUnsafe(Math.min(left, PIECE));
    const count =
      size <= SMALL ? readSync(file, piece) : (await read(file, piece, 0, piece.length, null)).bytesRead;
    if (count === 0) piece.fill(0);
    const part = count === 0 ? piece : piece.subarray(0, count);
    yield part;
    left -= part.length;
  }
}

/** Small pieces go together; the archive's end after the last. */
async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < PIECE) continue;
    yield Buffer.concat(held);
    held = [];
    length = 0;
  }
  yield Buffer.concat([...held, END_OF_ARCHIVE]);
}
