/** A tar out of a tree of files, in constant memory. */
import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";
import { deviceNumbers } from "../../linux/mknod.ts";
import { getXattr, listXattrs } from "../../linux/xattr.ts";
import { ENTRY_DEFAULTS, type TarEntry } from "../../tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../tar/writer.ts";
import { below, type Node, namesIn, nodesOf } from "./stack.ts";
import { isOpaque, isOverlayAttribute, isWhiteout, OPAQUE, WHITEOUT } from "./whiteout.ts";

/** What goes into the tar; names are byte strings, from the root of the tar and without slashes at their ends. */
export type Item =
  | { readonly name: string; readonly path: Buffer; readonly stat: fs.Stats }
  /** An empty file of this name. */
  | { readonly mark: string };

/** Bytes of a file that are read at a time. */
const PIECE = 1 << 18;

/** A layer's files as they lie on the disk, whiteouts in the form that archives have; the root itself is not said. */
export function* layerItems(directory: Buffer, prefix = ""): Generator<Item> {
  if (prefix !== "" && isOpaque(directory)) yield { mark: `${prefix}${OPAQUE}` };
  for (const name of namesIn(directory)) {
    const path = below(directory, name);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    if (isWhiteout(stat)) {
      yield { mark: `${prefix}${WHITEOUT}${name}` };
      continue;
    }
    yield { name: prefix + name, path, stat };
    if (stat.isDirectory()) yield* layerItems(path, `${prefix}${name}/`);
  }
}

/** All that shows in directories on top of each other, top first. */
export function* mergedItems(directories: readonly Buffer[], prefix = ""): Generator<Item> {
  for (const node of nodesOf(directories).values()) {
    yield itemOf(node, prefix);
    if (node.stat.isDirectory()) yield* mergedItems(node.directories, `${prefix}${node.name}/`);
  }
}

const itemOf = ({ name, path, stat }: Node, prefix: string): Item => ({ name: prefix + name, path, stat });

export const treeTar = (directory: string): AsyncGenerator<Buffer> =>
  tarOf(layerItems(Buffer.from(directory)));

/**
 * Several names of one file stay that; sockets have no place in a tar. What changes while it is read is read as
 * it is found: never more or less than its header says.
 */
export async function* tarOf(items: Iterable<Item>): AsyncGenerator<Buffer> {
  /** Where the first name of a file with several went. */
  const linked = new Map<string, string>();
  const pace = makePace();
  for (const item of items) {
    await pace();
    if ("mark" in item) {
      yield encodeEntry({ ...ENTRY_DEFAULTS, type: "file", name: item.mark, mode: 0 });
      continue;
    }
    const { stat, path } = item;
    const type = typeOf(stat);
    if (!type) continue;
    const inode = `${stat.dev}:${stat.ino}`;
    const first = stat.nlink > 1 && type !== "directory" ? linked.get(inode) : undefined;
    if (first !== undefined) {
      yield encodeEntry({ ...attributesOf(stat), type: "hard-link", name: item.name, linkname: first });
      continue;
    }
    const file = type === "file" ? await openThere(path) : undefined;
    if (file === "gone") continue;
    try {
      const entry = entryOf(item.name, type, path, stat);
      if (!entry) continue;
      if (stat.nlink > 1) linked.set(inode, item.name);
      yield encodeEntry(entry);
      if (file) yield* contentOf(file, stat.size);
    } finally {
      await file?.close();
    }
  }
  yield END_OF_ARCHIVE;
}

function typeOf(stat: fs.Stats): TarEntry["type"] | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "character-device";
  if (stat.isBlockDevice()) return "block-device";
  return stat.isFIFO() ? "fifo" : undefined;
}

/** Times in whole seconds, as Docker's layers have them. */
const attributesOf = (stat: fs.Stats) => ({
  ...ENTRY_DEFAULTS,
  mode: stat.mode & 0o7777,
  uid: stat.uid,
  gid: stat.gid,
  mtime: Math.floor(stat.mtimeMs / 1000),
});

/** Undefined where it is gone by now. */
function entryOf(name: string, type: TarEntry["type"], path: Buffer, stat: fs.Stats): TarEntry | undefined {
  try {
    const [major, minor] = type.endsWith("device") ? deviceNumbers(stat.rdev) : [0, 0];
    return {
      ...attributesOf(stat),
      type,
      name: type === "directory" ? `${name}/` : name,
      size: type === "file" ? stat.size : 0,
      linkname: type === "symlink" ? fs.readlinkSync(path, "latin1") : "",
      major,
      minor,
      xattrs: new Map(
        listXattrs(path)
          .filter((attribute) => !isOverlayAttribute(attribute) && !HOST_OWN.has(attribute))
          .map((attribute) => [attribute, getXattr(path, attribute)]),
      ),
    };
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENODATA") return undefined;
    throw thrown;
  }
}

/** What this host's security modules say of a file means nothing on another. */
const HOST_OWN: ReadonlySet<string> = new Set(["security.selinux", "security.ima", "security.evm"]);

async function openThere(path: Buffer): Promise<fs.promises.FileHandle | "gone"> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    return await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    // ELOOP, ENXIO: it was replaced by something that is no file.
    if (["ENOENT", "ELOOP", "ENXIO"].includes(codeOf(thrown) ?? "")) return "gone";
    throw thrown;
  }
}

async function* contentOf(file: fs.promises.FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, size - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    // It was cut short meanwhile: the header stands, so zeros make up for what is gone.
    yield bytesRead > 0 ? buffer.subarray(0, bytesRead) : buffer.fill(0);
    at += bytesRead > 0 ? bytesRead : buffer.length;
  }
  yield padding(size);
}
