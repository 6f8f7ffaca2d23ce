/** Layers put on top of each other by copying, where overlayfs can't be used. */
import * as fs from "node:fs";
import { makePace } from "../../lib/pace.ts";
import { copyAttributes, copyNode } from "../../linux/copy.ts";
import { setXattr } from "../../linux/xattr.ts";
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
    copyAttributes(source, target, setAttribute);
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
    await copyNode(stat, source, target);
    copyAttributes(source, target, setAttribute);
  }

  await directory(Buffer.from(from), Buffer.from(to));
}

function setAttribute(path: Buffer, name: string, value: Buffer): void {
  if (!isOverlayAttribute(name)) setXattr(path, name, value);
}

const remove = (path: Buffer): void => fs.rmSync(path, { recursive: true, force: true });
