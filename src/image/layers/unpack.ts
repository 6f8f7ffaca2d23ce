/** From a tar archive to a layer's directory, in one pass. */

import { createHash } from "node:crypto";
import { toText } from "../../lib/byte-names.ts";
import { asError, EngineError, invalid } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";
import { componentsOf } from "../../tar/contain.ts";
import { isWithin } from "../../tar/contained-tree.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { isArchivesFault } from "../../tar/fault.ts";
import { TarReader } from "../../tar/reader.ts";
import type { DiffID } from "../types.ts";
import { RecipeWriter } from "./recipe.ts";
import { LayerTree } from "./tree.ts";
import { isOverlayAttribute, OPAQUE, RESERVED, WHITEOUT } from "./whiteout.ts";

export interface Unpacked {
  /** sha256 of the archive as it came. */
  readonly diffId: DiffID;
  /** Bytes of all files. */
  readonly size: number;
  /** Bytes of the archive. */
  readonly tarSize: number;
  /** Whether the archive speaks of the root directory itself. */
  readonly root: boolean;
  /** Extended attributes that the file system can't hold, by name: left out. */
  readonly leftOut: readonly string[];
}

/**
 * Unpack into `root`, and take down in `recipe` how the archive is made again from it; both exist and are empty.
 * Whatever an archive says, nothing outside is touched; whiteouts become what overlayfs takes for such.
 * @throws invalid where the archive is damaged, cut short, or wants out; what is unpacked by then stays for the
 * caller to remove
 */
export async function unpack(source: AsyncIterable<Buffer>, root: string, recipe: string): Promise<Unpacked> {
  const hash = createHash("sha256");
  const writer = new RecipeWriter(recipe);
  const reader = new TarReader(
    tap(source, (chunk) => hash.update(chunk)),
    (bytes) => writer.literal(bytes),
  );
  const tree = new LayerTree(root, (path, real) => writer.lose(path, real));
  const unpacker = new Unpacker(tree, reader, writer);
  try {
    await unpacker.run();
    return {
      diffId: `sha256:${hash.digest("hex")}` as DiffID,
      size: unpacker.size,
      tarSize: await writer.finish(),
      root: unpacker.root,
      leftOut: [...unpacker.leftOut],
    };
  } catch (thrown) {
    await writer.abandon();
    throw thrown;
  } finally {
    await reader.close();
  }
}

async function* tap(source: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

class Unpacker {
  size = 0;
  root = false;
  readonly leftOut = new Set<string>();
  readonly #tree: LayerTree;
  readonly #reader: TarReader;
  readonly #recipe: RecipeWriter;
  /** What is put into a directory changes its time: set at the end. */
  readonly #directoryTimes = new Map<string, { readonly path: string[]; readonly mtime: number }>();

  constructor(tree: LayerTree, reader: TarReader, recipe: RecipeWriter) {
    this.#tree = tree;
    this.#reader = reader;
    this.#recipe = recipe;
  }

  async run(): Promise<void> {
    const pace = makePace();
    for (let entry = await this.#reader.next(); entry; entry = await this.#reader.next()) {
      try {
        await this.#put(entry);
      } catch (thrown) {
        throw inEntry(entry.name, thrown);
      }
      await pace();
    }
    for (const { path, mtime } of this.#directoryTimes.values()) {
      // It, or what it is in, may have been replaced by something else since: a link leads elsewhere.
      if (this.#tree.isDirectory(path)) this.#tree.setTime(path, mtime);
    }
  }

  async #put(entry: TarEntry): Promise<void> {
    const components = componentsOf(entry.name);
    const name = components.at(-1) ?? "";
    if (name.startsWith(WHITEOUT)) {
      this.#whiteout(components, name);
      return;
    }
    for (const attribute of entry.xattrs.keys()) {
      // Those would tell overlayfs to show other directories in the place of this one.
      if (isOverlayAttribute(attribute)) {
        throw invalid(`its attribute ${attribute} is reserved to overlayfs`);
      }
    }
    const path = this.#tree.place(components);
    if (entry.type === "directory") {
      if (path.length === 0) this.root = true;
      if (this.#tree.find(path) !== "directory") this.#newDirectory(path);
      this.#directoryTimes.set(path.join("/"), { path, mtime: entry.mtime });
    } else {
      if (path.length === 0) throw invalid("the layer's root can only be a directory");
      const target = entry.type === "hard-link" ? this.#linkTarget(entry, path) : undefined;
      this.#tree.clear(path);
      if (target) {
        this.#tree.hardLink(target, path);
        return; // owner and mode are those of the other name
      }
      await this.#make(entry, path);
    }
    for (const name of this.#tree.setAttributes(path, entry, entry.type === "symlink")) {
      this.leftOut.add(name);
    }
  }

  /** In the place of a whiteout, it hides what is below, as both of them say together. */
  #newDirectory(path: readonly string[]): void {
    const hides = this.#tree.isWhiteout(path);
    this.#tree.clear(path);
    this.#tree.makeDirectory(path);
    if (hides) this.#tree.makeOpaque(path);
  }

  #linkTarget(entry: TarEntry, path: readonly string[]): string[] {
    const target = this.#tree.place(componentsOf(entry.linkname));
    const found = this.#tree.find(target);
    if (found === "missing") throw invalid(`a hard link to ${entry.linkname}, which is not there`);
    if (found === "directory") throw invalid(`a hard link to ${entry.linkname}, which is a directory`);
    if (isWithin(target, path)) {
      const itself = target.length === path.length;
      throw invalid(`a hard link to ${itself ? "itself" : `${entry.linkname}, which its own place holds`}`);
    }
    return target;
  }

  async #make(entry: TarEntry, path: readonly string[]): Promise<void> {
    switch (entry.type) {
      case "symlink":
        this.#tree.symlink(path, entry.linkname);
        return;
      case "character-device":
      case "block-device":
      case "fifo":
        this.#tree.node(path, entry.type, entry.major, entry.minor);
        return;
      default:
        await this.#fill(entry, path);
    }
  }

  async #fill(entry: TarEntry, path: readonly string[]): Promise<void> {
    const name = path.join("/");
    await this.#tree.writeFile(path, entry.size, async () => {
      const piece = await this.#reader.read();
      if (piece) await this.#recipe.content(name, piece.position, piece.data.length);
      return piece;
    });
    this.size += entry.size;
  }

  #whiteout(components: readonly string[], name: string): void {
    const directory = components.slice(0, -1);
    if (name === OPAQUE) {
      this.#tree.makeOpaque(this.#tree.place([...directory, "."]).slice(0, -1));
      return;
    }
    // Other names of this kind are aufs's own bookkeeping.
    if (name.startsWith(RESERVED)) return;
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..") throw invalid("a whiteout of nothing");
    const path = this.#tree.place([...directory, hidden]);
    // It hides what other layers have there, not what its own layer says (OCI image spec, "Whiteouts").
    const found = this.#tree.find(path);
    if (found === "directory") this.#tree.makeOpaque(path);
    else if (found === "missing") this.#tree.whiteout(path);
  }
}

/** Names are shown as text, as far as they are. */
function inEntry(name: string, thrown: unknown): EngineError {
  const shown = toText(name);
  const otherwise = isArchivesFault(thrown) ? "invalid" : "internal";
  const kind = thrown instanceof EngineError ? thrown.kind : otherwise;
  return new EngineError(kind, `unpack ${shown}: ${asError(thrown).message}`, { cause: thrown });
}
