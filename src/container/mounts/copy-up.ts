/** What an image has where a volume begins, copied into the volume: owners, modes, links, attributes, times. */
import * as fs from "node:fs";
import { KernelError } from "../../linux/ffi.ts";
import { deviceNumbers } from "../../linux/mknod.ts";
import { openBeneath, pathOf } from "../../linux/openat2.ts";
import { getXattr, listXattrs, setXattrOf } from "../../linux/xattr.ts";
import { withDescriptor } from "../files/descriptors.ts";
import * as tree from "../files/write-tree.ts";

// Names are bytes, not text.
const join = (directory: Buffer, name: string): Buffer =>
  Buffer.concat([directory, Buffer.from(`/${name}`, "latin1")]);

/**
 * Copy the tree at `from`, in which nothing moves, into the directory `to`, where that is empty; the directory takes its
 * owner and mode as well. If it fails, the directory is empty again. Another container may be at work in the volume
 * meanwhile: whatever it puts in the way, nothing is written elsewhere.
 */
export async function fillVolume(from: string, to: string): Promise<void> {
  const top = fs.openSync(to, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const names = () => fs.readdirSync(pathOf(top), { encoding: "latin1" });
  try {
    if (names().length > 0) return;
    await new Copy(top).directory(Buffer.from(from), top, []);
  } catch (thrown) {
    for (const name of names()) tree.removeTree(top, name);
    throw thrown;
  } finally {
    fs.closeSync(top);
  }
}

class Copy {
  readonly #top: number;
  /** Where the first name of a file with several went, from the top, by inode. */
  readonly #linked = new Map<number, readonly string[]>();

  constructor(top: number) {
    this.#top = top;
  }

  /** @param target what it is copied into, at `path` from the top */
  async directory(source: Buffer, target: number, path: readonly string[]): Promise<void> {
    for (const name of await fs.promises.readdir(source, { encoding: "latin1" })) {
      await this.#entry(join(source, name), target, [...path, name], name);
    }
    setAttributes(target, source);
  }

  async #entry(source: Buffer, parent: number, path: readonly string[], name: string): Promise<void> {
    const stat = fs.lstatSync(source);
    if (stat.isDirectory()) {
      tree.makeDirectory(parent, name);
      const made = tree.reopen(parent, name, (found) => found.isDirectory());
      try {
        await this.directory(source, made, path);
      } finally {
        fs.closeSync(made);
      }
      return;
    }
    if (stat.isSocket()) return; // whoever listened on it is gone
    const first = stat.nlink > 1 ? this.#linked.get(stat.ino) : undefined;
    if (first) return this.#hardLink(first, parent, name);
    if (stat.nlink > 1) this.#linked.set(stat.ino, path);
    if (stat.isFile()) await copyFile(source, parent, name);
    else makeOther(stat, source, parent, name);
  }

  #hardLink(first: readonly string[], parent: number, name: string): void {
    withDescriptor(openBeneath(this.#top, first.slice(0, -1).join("/")), (directory) =>
      tree.makeHardLink(directory, first.at(-1) ?? "", parent, name),
    );
  }
}

async function copyFile(source: Buffer, parent: number, name: string): Promise<void> {
  const file = tree.openNew(parent, name);
  try {
    await fs.promises.copyFile(source, pathOf(file), fs.constants.COPYFILE_FICLONE);
    setAttributes(file, source);
  } finally {
    fs.closeSync(file);
  }
}

function makeOther(stat: fs.Stats, source: Buffer, parent: number, name: string): void {
  if (stat.isSymbolicLink()) tree.makeLink(parent, name, fs.readlinkSync(source, { encoding: "latin1" }));
  else {
    const [major, minor] = stat.isFIFO() ? [0, 0] : deviceNumbers(stat.rdev);
    const device = stat.isBlockDevice() ? "block-device" : "character-device";
    tree.makeSpecial(parent, name, stat.isFIFO() ? "fifo" : device, major, minor);
  }
  const isSame = (found: fs.Stats) =>
    (found.mode & fs.constants.S_IFMT) === (stat.mode & fs.constants.S_IFMT);
  withDescriptor(tree.reopen(parent, name, isSame), (made) => setAttributes(made, source));
}

/** In this order: a change of owner takes setuid and capabilities away, and the times come last. */
function setAttributes(target: number, source: Buffer): void {
  const stat = fs.lstatSync(source);
  const path = pathOf(target);
  fs.chownSync(path, stat.uid, stat.gid);
  if (!stat.isSymbolicLink()) fs.chmodSync(path, stat.mode & 0o7777);
  for (const name of listXattrs(source)) copyXattr(source, target, name);
  fs.utimesSync(path, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

/** A volume's file system need not have them: a share of another machine, a tmpfs of an older kernel. */
function copyXattr(source: Buffer, target: number, name: string): void {
  try {
    setXattrOf(target, name, getXattr(source, name));
  } catch (thrown) {
    if (!(thrown instanceof KernelError && ["EOPNOTSUPP", "ENOTSUP"].includes(thrown.code))) throw thrown;
  }
}
