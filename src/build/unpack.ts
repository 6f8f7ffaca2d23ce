/** A context's archive, unpacked into a directory that nobody else writes to. Nothing outside of it is touched. */
import * as fs from "node:fs";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { inContext, invalid, kindOf } from "../lib/errors.ts";

/** One thing in the archive. Names are byte strings: one character a byte. */
export interface ContextEntry {
  readonly type:
    | "file"
    | "hard-link"
    | "symlink"
    | "directory"
    | "character-device"
    | "block-device"
    | "fifo";
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** An archive as it comes. */
export interface ContextReader {
  /** @throws invalid where it is damaged or cut short */
  next(): Promise<ContextEntry | undefined>;
  read(): Promise<{ readonly position: number; readonly data: Buffer } | undefined>;
  close(): Promise<void>;
}

/** Who knows archives: the image's own parts. */
export interface ArchiveReaders {
  /** Plain, or compressed in whatever way. @throws invalid */
  readonly decompress: (stream: Readable) => Promise<AsyncIterable<Buffer>>;
  readonly readTar: (bytes: AsyncIterable<Buffer>) => ContextReader;
}

const write = promisify(fs.write);
const MOST_LINKS = 40;
const NEW = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;

const BLOCK = 512;

/**
 * Owners are not kept: what a build copies belongs to root, or to whom it says. Devices are left out.
 * @throws invalid for an archive that is none
 */
export async function unpackContext(
  archive: Readable,
  directory: string,
  { decompress, readTar }: ArchiveReaders,
): Promise<void> {
  const source = new Completed(await decompress(archive));
  const reader = readTar(source.bytes());
  const tree = new ContextTree(directory);
  try {
    let count = 0;
    for (let entry = await reader.next(); entry; entry = await reader.next()) {
      try {
        await tree.put(entry, reader);
        if (source.ended) throw invalid("the archive is cut short");
      } catch (thrown) {
        const shown = Buffer.from(entry.name, "latin1").toString();
        if (kindOf(thrown) === "invalid") throw inContext(`context: ${shown}`, thrown);
        throw thrown;
      }
      count += 1;
      if (count % 64 === 0) await setImmediate();
    }
    tree.finish();
  } finally {
    await reader.close();
  }
}

/**
 * An archive with the end that it should have. `docker build -f -` leaves out what follows the last file's data: the
 * padding to a whole block, and the two empty blocks at the end.
 */
class Completed {
  /** Whether what is missing was asked for: no entry's data may be in there. */
  ended = false;
  readonly #source: AsyncIterable<Buffer>;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  async *bytes(): AsyncGenerator<Buffer> {
    let length = 0;
    for await (const chunk of this.#source) {
      length += chunk.length;
      yield chunk;
    }
    this.ended = true;
    yield Buffer.alloc(((BLOCK - (length % BLOCK)) % BLOCK) + 2 * BLOCK);
  }
}

type Path = readonly string[];

class ContextTree {
  readonly #root: string;
  /** What is put into a directory changes its time: set at the end, with its mode, which may forbid writing. */
  readonly #directories = new Map<string, ContextEntry>();

  constructor(root: string) {
    this.#root = root;
  }

  async put(entry: ContextEntry, reader: ContextReader): Promise<void> {
    const components = cleaned(entry.name);
    const path = [...this.#directory(components.slice(0, -1)), ...components.slice(-1)];
    if (entry.type === "directory") {
      if (this.#find(path) !== "directory") {
        this.#clear(path);
        fs.mkdirSync(this.#at(path));
      }
      this.#directories.set(path.join("/"), entry);
      return;
    }
    if (path.length === 0) throw invalid("the context's root can only be a directory");
    const target = entry.type === "hard-link" ? this.#linkTarget(entry.linkname) : undefined;
    if (target?.join("/") === path.join("/")) return;
    this.#clear(path);
    if (target) fs.linkSync(this.#at(target), this.#at(path));
    else if (entry.type === "symlink") {
      fs.symlinkSync(Buffer.from(entry.linkname, "latin1"), this.#at(path));
      fs.lutimesSync(this.#at(path), entry.mtime, entry.mtime);
    } else if (entry.type === "file") await this.#write(path, entry, reader);
  }

  finish(): void {
    for (const [name, { mode, mtime }] of [...this.#directories].reverse()) {
      const path = name === "" ? [] : name.split("/");
      if (this.#find(path) !== "directory") continue;
      fs.chmodSync(this.#at(path), mode & 0o7777);
      fs.utimesSync(this.#at(path), mtime, mtime);
    }
  }

  async #write(path: Path, { mode, size, mtime }: ContextEntry, reader: ContextReader): Promise<void> {
    const file = fs.openSync(this.#at(path), NEW, 0o600);
    try {
      for (let piece = await reader.read(); piece; piece = await reader.read()) {
        for (let at = 0; at < piece.data.length; ) {
          const { bytesWritten } = await write(
            file,
            piece.data,
            at,
            piece.data.length - at,
            piece.position + at,
          );
          at += bytesWritten;
        }
      }
      fs.ftruncateSync(file, size);
    } finally {
      fs.closeSync(file);
    }
    fs.chmodSync(this.#at(path), mode & 0o7777);
    fs.utimesSync(this.#at(path), mtime, mtime);
  }

  #linkTarget(name: string): Path {
    const components = cleaned(name);
    const path = [...this.#directory(components.slice(0, -1)), ...components.slice(-1)];
    const found = this.#find(path);
    if (found === undefined || found === "directory")
      throw invalid(`a hard link to ${name}, which is no file here`);
    return path;
  }

  /** Without a link in it, as a process would find it that has the context as its root; made where it is missing. */
  #directory(components: Path): string[] {
    const ahead = [...components].reverse();
    let path: string[] = [];
    let links = 0;
    for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        path = path.slice(0, -1);
        continue;
      }
      const next = [...path, part];
      const found = this.#find(next);
      if (typeof found === "object") {
        links += 1;
        if (links > MOST_LINKS) throw invalid("its links go round in circles");
        if (found.link.startsWith("/")) path = [];
        ahead.push(...found.link.split("/").reverse());
        continue;
      }
      if (found === "other") throw invalid(`${part} is no directory`);
      if (found === undefined) fs.mkdirSync(this.#at(next));
      path = next;
    }
    return path;
  }

  #find(path: Path): "directory" | "other" | { readonly link: string } | undefined {
    const status = fs.lstatSync(this.#at(path), { throwIfNoEntry: false });
    if (!status) return undefined;
    if (status.isDirectory()) return "directory";
    return status.isSymbolicLink() ? { link: fs.readlinkSync(this.#at(path), "latin1") } : "other";
  }

  #clear(path: Path): void {
    fs.rmSync(this.#at(path), { recursive: true, force: true });
  }

  #at(path: Path): Buffer {
    return Buffer.concat([Buffer.from(`${this.#root}/`), Buffer.from(path.join("/"), "latin1")]);
  }
}

/** As dockerd takes names: from the context's root, which `..` does not leave. @throws invalid for a NUL */
function cleaned(name: string): string[] {
  if (name.includes("\0")) throw invalid("a NUL in its name");
  const components: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") components.pop();
    else if (part !== "" && part !== ".") components.push(part);
  }
  return components;
}
