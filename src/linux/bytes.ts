/**
 * Bytes as the kernel lays them out: in the machine's own order unless a name says otherwise. A writer
 * grows as it is written and keeps its memory for the next message.
 */
import { endianness } from "node:os";

/** Whether this machine stores the low byte first. */
export const LITTLE_ENDIAN = endianness() === "LE";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The next multiple of four: netlink pads everything to it. */
export const align4 = (length: number): number => (length + 3) & ~3;

/** Bytes that a writer keeps for its next message. */
const KEPT = 256 * 1024;

export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many bytes are written: the offset of the next. */
  get length(): number {
    return this.#length;
  }

  /** What is written so far. A view: it is good until the next write or `clear`. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forget what is written, and keep the memory unless one big message took a lot. */
  clear(): this {
    this.#length = 0;
    if (this.#bytes.length > KEPT) this.#replace(KEPT);
    return this;
  }

  /** Forget what was written from `length` on. */
  cut(length: number): this {
    this.#length = Math.min(this.#length, length);
    return this;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
    return this;
  }

  i32(value: number): this {
    const at = this.#room(4);
    this.#view.setInt32(at, value, LITTLE_ENDIAN);
    return this;
  }

  /** Network order. */
  be16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
    return this;
  }

  /** Network order. */
  be32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** Network order. */
  be64(value: bigint): this {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** UTF-8 and a NUL. */
  cstring(text: string): this {
    return this.bytes(encoder.encode(text)).u8(0);
  }

  zeros(count: number): this {
    const at = this.#room(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }

  /** Zeros up to the next multiple of four. */
  pad4(): this {
    return this.zeros(align4(this.#length) - this.#length);
  }

  /** Write over what stands at `at`: lengths are known last. */
  setU16(at: number, value: number): void {
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
  }

  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
  }

  /** Where the next `count` bytes go. Ask before the memory is named: this may replace it. */
  #room(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) this.#grow();
    return at;
  }

  #grow(): void {
    const before = this.#bytes;
    this.#replace(Math.max(this.#length, before.length * 2));
    this.#bytes.set(before);
  }

  #replace(capacity: number): void {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

/** A view for reading numbers out of `bytes`. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The number that `bytes` hold, or undefined where they are not exactly of that size. */
export const readU32 = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getUint32(0, LITTLE_ENDIAN) : undefined;

export const readI32 = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getInt32(0, LITTLE_ENDIAN) : undefined;

/** Text up to the first NUL or the end. */
export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
