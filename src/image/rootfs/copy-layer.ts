/** Layers put on top of each other by copying, where overlayfs can't be used. */
import * as fs from "node:fs";
import { makePace } from "../../lib/pace.ts";
import { deviceNumbers, makeNode } from "../../linux/mknod.ts";
import { getXattr, listXattrs, setXattr } from "../../linux/xattr.ts";
import { hiddenBy, isOpaque, isOverlayAttribute, isWhiteout, WHITEOUT } from "../layers/whiteout.ts";

const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, Buffer.from("/"), name]);

/**
 * Copy the layer at `from` over the tree at `to`: what is the same file in the layer stays the same file,
 * whiteouts take away what is below. Data are shared where the file system can (reflink).
 */
export async function copyLayer(from: string, to: string): Promise<void> {
  const pace = makePace();
  /** Where the first name of a file with several went, by inode. */
  const linked = new Map<number, Buffer>();

  async function directory(source: Buffer, target: Buffer): Promise<void> {
    if (isOpaque(source)) {
      for (const name of fs.readdirSync(target, { encoding: "buffer" })) remove(join(target, name));
    }
    const inside = fs.readdirSync(source, { encoding: "buffer" });
    const isMark = (name: Buffer) => hiddenBy(name.toString("latin1")) !== undefined;
    for (const name of inside.filter(isMark)) remove(join(target, name.subarray(WHITEOUT.length)));
    for (const name of inside) {
      if (isMark(name)) continue;
      await entry(join(source, name), join(target, name));
      await pace();
    }
    copyAttributes(source, target);
  }

  async function entry(source: Buffer, target: Buffer): Promise<void> {
    const stat = fs.lstatSync(source);
    if (stat.isDirectory()) {
      if (!fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) {
        remove(target);
        fs.mkdirSync(target);
      }
      await directory(source, target);
      return;
    }
    remove(target);
    if (isWhiteout(stat)) return;
    const first = stat.nlink > 1 ? linked.get(stat.ino) : undefined;
    if (first) {
      fs.linkSync(first, target);
      return;
    }
    if (stat.nlink > 1) linked.set(stat.ino, target);
    await copyContents(stat, source, target);
    copyAttributes(source, target);
  }

  await directory(Buffer.from(from), Buffer.from(to));
}

async function copyContents(stat: fs.Stats, source: Buffer, target: Buffer): Promise<void> {
  const [major, minor] = deviceNumbers(stat.rdev);
  if (stat.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source, { encoding: "buffer" }), target);
  else if (stat.isCharacterDevice()) makeNode(target, "character-device", major, minor);
  else if (stat.isBlockDevice()) makeNode(target, "block-device", major, minor);
  else if (stat.isFIFO()) makeNode(target, "fifo", 0, 0);
  else await fs.promises.copyFile(source, target, fs.constants.COPYFILE_FICLONE);
}

/** In this order: a change of owner takes setuid and capabilities away, and the times come last. */
function copyAttributes(source: Buffer, target: Buffer): void {
  const stat = fs.lstatSync(source);
  fs.lchownSync(target, stat.uid, stat.gid);
  if (!stat.isSymbolicLink()) fs.chmodSync(target, stat.mode & 0o7777);
  for (const name of listXattrs(source)) {
    if (!isOverlayAttribute(name)) setXattr(target, name, getXattr(source, name));
  }
  fs.lutimesSync(target, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

const remove = (path: Buffer): void => fs.rmSync(path, { recursive: true, force: true });
