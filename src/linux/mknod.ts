/** Device nodes and named pipes: mknod(2). */
import { check, declare } from "./ffi.ts";

// A path is bytes, not text: it is handed over as a buffer.
const mknod = declare("int mknod(const void *path, uint32_t mode, uint64_t dev)");

/** S_IF* of inode(7). */
const FORMAT = { "character-device": 0o020000, "block-device": 0o060000, fifo: 0o010000 } as const;

/** The kernel's device number as libc packs it (makedev(3)): twelve low bits of major, eight of minor, then the high ones. */
export function makedev(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & ~0xfffn) << 32n) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | (low & 0xffn);
}

/** The way back. */
export function deviceNumbers(dev: number): readonly [major: number, minor: number] {
  const bits = BigInt(dev);
  const major = ((bits >> 32n) & ~0xfffn) | ((bits >> 8n) & 0xfffn);
  return [Number(major), Number(((bits >> 12n) & 0xffffff00n) | (bits & 0xffn))];
}

/** Owned by root, mode 0 until it is changed. @throws KernelError */
export function makeNode(path: Buffer, type: keyof typeof FORMAT, major: number, minor: number): void {
  const terminated = Buffer.concat([path, Buffer.alloc(1)]);
  check(`mknod ${path.toString()}`, mknod(terminated, FORMAT[type], makedev(major, minor)));
}
