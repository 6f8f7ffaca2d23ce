/** What an image has where a volume begins, copied into the volume: owners, modes, links, attributes, times. */
import * as fs from "node:fs";
import { KernelError } from "../../linux/ffi.ts";
import { makeNode } from "../../linux/mknod.ts";
import { getXattr, listXattrs, setXattr } from "../../linux/xattr.ts";

// Names are bytes, not text.
const join = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, Buffer.from("/"), name]);

/**
 * Copy the tree at `from`, in which nothing moves, into the directory `to`, where that is empty; the directory takes its
 * owner and mode as well. If it fails, the directory is empty again.
 */
export async function fillVolume(from: string, to: string): Promise<void> {
  if (fs.readdirSync(to).length > 0) return;
  const target = Buffer.from(to);
  try {
    await copyDirectory(Buffer.from(from), target, new Map());
  } catch (thrown) {
    for (const name of fs.readdirSync(target, { encoding: "buffer" })) {
      await fs.promises.rm(join(target, name), { recursive: true, force: true });
    }
    throw thrown;
  }
}

/** @param linked where the first name of a file with several went, by inode */
async function copyDirectory(source: Buffer, target: Buffer, linked: Map<number, Buffer>): Promise<void> {
  for (const name of await fs.promises.readdir(source, { encoding: "buffer" })) {
    await copyEntry(join(source, name), join(target, name), linked);
  }
  copyAttributes(source, target);
}

async function copyEntry(source: Buffer, target: Buffer, linked: Map<number, Buffer>): Promise<void> {
  const stat = fs.lstatSync(source);
  if (stat.isDirectory()) {
    fs.mkdirSync(target);
    await copyDirectory(source, target, linked);
    return;
  }
  const first = stat.nlink > 1 ? linked.get(stat.ino) : undefined;
  if (first) {
    fs.linkSync(first, target);
    return;
  }
  if (stat.nlink > 1) linked.set(stat.ino, target);
  if (stat.isSocket()) return; // whoever listened on it is gone
  await copyContents(stat, source, target);
  copyAttributes(source, target);
}

async function copyContents(stat: fs.Stats, source: Buffer, target: Buffer): Promise<void> {
  const [major, minor] = deviceOf(stat.rdev);
  if (stat.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source, { encoding: "buffer" }), target);
  else if (stat.isCharacterDevice()) makeNode(target, "character-device", major, minor);
  else if (stat.isBlockDevice()) makeNode(target, "block-device", major, minor);
  else if (stat.isFIFO()) makeNode(target, "fifo", 0, 0);
  else await fs.promises.copyFile(source, target, fs.constants.COPYFILE_FICLONE);
}

/** Major and minor of a device number (makedev(3), read backwards). */
function deviceOf(dev: number): readonly [major: number, minor: number] {
  const bits = BigInt(dev);
  const major = ((bits >> 32n) & ~0xfffn) | ((bits >> 8n) & 0xfffn);
  return [Number(major), Number(((bits >> 12n) & 0xffffff00n) | (bits & 0xffn))];
}

/** In this order: a change of owner takes setuid and capabilities away, and the times come last. */
function copyAttributes(source: Buffer, target: Buffer): void {
  const stat = fs.lstatSync(source);
  fs.lchownSync(target, stat.uid, stat.gid);
  if (!stat.isSymbolicLink()) fs.chmodSync(target, stat.mode & 0o7777);
  for (const name of listXattrs(source)) copyXattr(source, target, name);
  fs.lutimesSync(target, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

/** A volume's file system need not have them: a share of another machine, a tmpfs of an older kernel. */
function copyXattr(source: Buffer, target: Buffer, name: string): void {
  try {
    setXattr(target, name, getXattr(source, name));
  } catch (thrown) {
    if (!(thrown instanceof KernelError && ["EOPNOTSUPP", "ENOTSUP"].includes(thrown.code))) throw thrown;
  }
}
