/** A tar archive unpacked into a directory of a container, which may be at work in it meanwhile. */

import { closeSync, ftruncateSync, type Stats, writeSync, write as writeWithCallback } from "node:fs";
import { promisify } from "node:util";
import { isOverlayAttribute } from "../../image/layers/whiteout.ts";
import { toText } from "../../lib/byte-names.ts";
import { EngineError, inContext, invalid } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { isArchivesFault } from "../../tar/fault.ts";
import type { TarReader } from "../../tar/reader.ts";

import { withDescriptor } from "./descriptors.ts";
import { ensureInRoot } from "./ensure.ts";
import { partsOf, staysWithin } from "./naming.ts";
import type { View } from "./view.ts";
import { isKernels } from "./view.ts";
import * as tree from "./write-tree.ts";

const write = promisify(writeWithCallback);

/** Writing more than this goes through the thread pool, so that a slow disk holds nobody up. */
const SMALL = 1 << 20;

export interface UnpackOptions {
  /** Where in the container, resolved: a byte string. */
  readonly destination: string;
  readonly noOverwriteDirNonDir: boolean;
  /** Whose all of it becomes; as archived where absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * As Docker: what is there is replaced, directories are merged, missing parents are made, links in the way are the
 * container's own and followed within it.
 * @throws invalid where the archive is damaged, cut short, or wants out; what is unpacked by then stays
 */
export async function unpackInto(view: View, reader: TarReader, options: UnpackOptions): Promise<void> {
  const unpacker = new Unpacker(view, reader, options);
  try {
    await unpacker.run();
  } finally {
    unpacker.close();
  }
}

class Unpacker {
  readonly #root: number;
  readonly #reader: TarReader;
  readonly #options: UnpackOptions;
  /** What is put into a directory changes its time: set at the end. */
  readonly #times = new Map<string, { readonly parts: readonly string[]; readonly mtime: number }>();
  /** The directory used last: archives go through a tree directory by directory. */
  #last: { readonly path: string; readonly descriptor: number } | undefined;

  constructor(view: View, reader: TarReader, options: UnpackOptions) {
    this.#root = view.root;
    this.#reader = reader;
    this.#options = options;
  }

  async run(): Promise<void> {
    const pace = makePace();
    for (let entry = await this.#reader.next(); entry; entry = await this.#reader.next()) {
      try {
        await this.#put(entry);
      } catch (thrown) {
        // A refusal is said in Docker's words; a failed call of the kernel needs to say of what.
        if (thrown instanceof EngineError) throw thrown;
        const told = inContext(`unpack ${toText(entry.name)}`, thrown);
        throw isArchivesFault(thrown) ? invalid(told.message, thrown) : told;
      }
      await pace();
    }
    for (const { parts, mtime } of this.#times.values()) {
      tree.setTime(this.#parentOf(parts), parts.at(-1) ?? ".", mtime);
    }
  }

  close(): void {
    if (this.#last) closeSync(this.#last.descriptor);
    this.#last = undefined;
  }

  async #put(given: TarEntry): Promise<void> {
    const { destination, owner } = this.#options;
    const entry = owner ? { ...given, ...owner } : given;
    if (entry.name.includes("\0")) throw invalid(`"${toText(entry.name)}": a NUL in a name`);
    const parts = partsOf(entry.name);
    if (!parts) throw invalid(`"${toText(entry.name)}" is outside of "${toText(destination)}"`);
    for (const attribute of entry.xattrs.keys()) {
      if (isOverlayAttribute(attribute)) throw invalid(`${attribute} is reserved to overlayfs`);
    }
    const name = parts.at(-1);
    // The directory itself: Docker leaves it as it is.
    if (name === undefined) return;
    const parent = this.#parentOf(parts);
    const there = tree.lookAt(parent, name);
    if (there) this.#makeRoom(parent, parts, name, there, entry);
    switch (entry.type) {
      case "directory":
        if (!there?.isDirectory()) tree.makeDirectory(parent, name);
        this.#times.set(parts.join("/"), { parts, mtime: entry.mtime });
        return this.#dress(parent, name, entry, (stats) => stats.isDirectory());
      case "symlink":
        if (!staysWithin(parts.slice(0, -1), entry.linkname) && destination !== "/") {
          throw invalid(`invalid symlink "${this.#shown(parts)}" -> "${toText(entry.linkname)}"`);
        }
        tree.makeLink(parent, name, entry.linkname);
        return this.#dress(parent, name, entry, (stats) => stats.isSymbolicLink());
      case "hard-link":
        return this.#hardLink(parent, parts, name, entry);
      case "file":
        return this.#fill(parent, name, entry);
      default:
        tree.makeSpecial(parent, name, entry.type, entry.major, entry.minor);
        return this.#dress(parent, name, entry, (stats) => !stats.isDirectory() && !stats.isSymbolicLink());
    }
  }

  /** A directory for a directory stays; all else goes. */
  #makeRoom(parent: number, parts: readonly string[], name: string, there: Stats, entry: TarEntry): void {
    const [was, becomes] = [there.isDirectory(), entry.type === "directory"];
    if (was && becomes) return;
    if (this.#options.noOverwriteDirNonDir && was !== becomes) {
      const path = `"${this.#shown(parts)}"`;
      const destination = `"${toText(this.#options.destination)}"`;
      throw invalid(
        was
          ? `cannot overwrite directory ${path} with non-directory ${destination}`
          : `cannot overwrite non-directory ${path} with directory ${destination}`,
      );
    }
    tree.removeTree(parent, name);
  }

  #hardLink(parent: number, parts: readonly string[], name: string, entry: TarEntry): void {
    const target = partsOf(entry.linkname);
    const existing = target?.at(-1);
    if (!target || existing === undefined) {
      throw invalid(`invalid hardlink "${this.#shown(parts)}" -> "${toText(entry.linkname)}"`);
    }
    withDescriptor(this.#openDirectory(target.slice(0, -1)), (from) => {
      if (!tree.lookAt(from, existing)) {
        const [path, other] = [this.#shown(target), this.#shown(parts)];
        throw invalid(`link ${path} ${other}: no such file or directory`);
      }
      tree.makeHardLink(from, existing, parent, name);
    });
  }

  async #fill(parent: number, name: string, entry: TarEntry): Promise<void> {
    const file = tree.openNew(parent, name);
    try {
      for (let piece = await this.#reader.read(); piece; piece = await this.#reader.read()) {
        let { data, position } = piece;
        while (data.length > 0) {
          const written =
            entry.size <= SMALL
              ? writeSync(file, data, 0, data.length, position)
              : (await write(file, data, 0, data.length, position)).bytesWritten;
          data = data.subarray(written);
          position += written;
        }
      }
      // A sparse file may end in a hole.
      ftruncateSync(file, entry.size);
      tree.setAttributes(file, entry);
    } finally {
      closeSync(file);
    }
  }

  #dress(parent: number, name: string, entry: TarEntry, is: (stats: Stats) => boolean): void {
    withDescriptor(tree.reopen(parent, name, is), (made) => tree.setAttributes(made, entry));
  }

  #shown(parts: readonly string[]): string {
    return toText(`${this.#options.destination.replace(/\/$/, "")}/${parts.join("/")}`);
  }

  /** Open until the next one is asked for. */
  #parentOf(parts: readonly string[]): number {
    const path = parts.slice(0, -1).join("/");
    if (this.#last?.path === path) return this.#last.descriptor;
    this.close();
    const descriptor = this.#openDirectory(parts.slice(0, -1));
    this.#last = { path, descriptor };
    return descriptor;
  }

  /** Missing ones are made. */
  #openDirectory(parts: readonly string[]): number {
    const path = [this.#options.destination, ...parts].join("/");
    const descriptor = ensureInRoot(this.#root, path, "directory");
    if (!isKernels(descriptor)) return descriptor;
    closeSync(descriptor);
    throw invalid(`${toText(path)} is the kernel's own: nothing can be copied there`);
  }
}
