/** A context's archive, unpacked into a directory that nobody else writes to. Nothing outside of it is touched. */

import * as fs from "node:fs";
import type { Readable } from "node:stream";
import { toText } from "../lib/byte-names.ts";
import { inContext, invalid, kindOf } from "../lib/errors.ts";
import { makePace } from "../lib/pace.ts";
import { ContainedTree, isWithin, type Path } from "../tar/contained-tree.ts";
import { decompress } from "../tar/decompress.ts";
import type { TarEntry } from "../tar/entry.ts";
import { BLOCK } from "../tar/header.ts";
import { TarReader } from "../tar/reader.ts";

/**
 * Owners are not kept: what a build copies belongs to root, or to whom it says. Devices are left out.
 * @param archive plain, or compressed in whatever way
 * @throws invalid for an archive that is none
 */
export async function unpackContext(archive: Readable, directory: string): Promise<void> {
  const source = new Completed(await decompress(archive));
  const reader = new TarReader(source.bytes());
  const context = new ContextUnpacker(directory, reader);
  const pace = makePace();
  try {
    for (let entry = await reader.next(); entry; entry = await reader.next()) {
      try {
        await context.put(entry);
        if (source.ended) throw invalid("the archive is cut short");
      } catch (thrown) {
        const shown = toText(entry.name);
        if (kindOf(thrown) === "invalid") throw inContext(`context: ${shown}`, thrown);
        throw thrown;
      }
      await pace();
    }
    context.finish();
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

class ContextUnpacker {
  readonly #tree: ContainedTree;
  readonly #reader: TarReader;
  /** What is put into a directory changes its time: set at the end, with its mode, which may forbid writing. */
  readonly #directories = new Map<string, { readonly path: Path; readonly entry: TarEntry }>();

  constructor(directory: string, reader: TarReader) {
    this.#tree = new ContainedTree(directory);
    this.#reader = reader;
  }

  async put(entry: TarEntry): Promise<void> {
    const tree = this.#tree;
    const path = tree.place(cleaned(entry.name));
    if (entry.type === "directory") {
      if (tree.find(path) !== "directory") {
        tree.clear(path);
        tree.makeDirectory(path);
      }
      this.#directories.set(path.join("/"), { path, entry });
      return;
    }
    if (path.length === 0) throw invalid("the context's root can only be a directory");
    const target = entry.type === "hard-link" ? this.#linkTarget(entry.linkname) : undefined;
    if (target?.join("/") === path.join("/")) return;
    if (target && isWithin(target, path)) {
      throw invalid(`a hard link to ${entry.linkname}, which its own place holds`);
    }
    tree.clear(path);
    if (target) tree.hardLink(target, path);
    else if (entry.type === "symlink") {
      tree.symlink(path, entry.linkname);
      tree.setTime(path, entry.mtime);
    } else if (entry.type === "file") {
      await tree.writeFile(path, entry.size, () => this.#reader.read());
      this.#setAttributes(path, entry);
    }
  }

  finish(): void {
    for (const { path, entry } of [...this.#directories.values()].reverse()) {
      // It, or what it is in, may have been replaced by something else since: a link leads elsewhere.
      if (this.#tree.isDirectory(path)) this.#setAttributes(path, entry);
    }
  }

  #setAttributes(path: Path, { mode, mtime }: TarEntry): void {
    fs.chmodSync(this.#tree.at(path), mode & 0o7777);
    this.#tree.setTime(path, mtime);
  }

  #linkTarget(name: string): Path {
    const path = this.#tree.place(cleaned(name));
    const found = this.#tree.find(path);
    if (found === "missing" || found === "directory") {
      throw invalid(`a hard link to ${name}, which is no file here`);
    }
    return path;
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
