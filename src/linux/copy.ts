/** One thing of a tree copied as it is, with what the kernel keeps of it. Names are bytes, not text. */
import * as fs from "node:fs";
import { deviceNumbers, makeNode } from "./mknod.ts";
import { getXattr, listXattrs, setXattr } from "./xattr.ts";

/**
 * What `source` holds, at `target`, where nothing is. Data are shared where the file system can (reflink).
 * @param stat of `source`: neither a directory nor a socket
 * @throws KernelError, and what node:fs does
 */
export async function copyNode(stat: fs.Stats, source: Buffer, target: Buffer): Promise<void> {
  const [major, minor] = deviceNumbers(stat.rdev);
  if (stat.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source, { encoding: "buffer" }), target);
  else if (stat.isCharacterDevice()) makeNode(target, "character-device", major, minor);
  else if (stat.isBlockDevice()) makeNode(target, "block-device", major, minor);
  else if (stat.isFIFO()) makeNode(target, "fifo", 0, 0);
  else await fs.promises.copyFile(source, target, fs.constants.COPYFILE_FICLONE);
}

/**
 * Owner, mode, extended attributes and times. In this order: a change of owner takes setuid and capabilities away, and
 * the times come last.
 * @param set for those that can't or shall not be set everywhere
 * @throws KernelError, and what node:fs does
 */
export function copyAttributes(source: Buffer, target: Buffer, set = setXattr): void {
  const stat = fs.lstatSync(source);
  fs.lchownSync(target, stat.uid, stat.gid);
  if (!stat.isSymbolicLink()) fs.chmodSync(target, stat.mode & 0o7777);
  for (const name of listXattrs(source)) set(target, name, getXattr(source, name));
  fs.lutimesSync(target, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}
