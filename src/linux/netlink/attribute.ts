/**
 * Netlink attributes, linux/netlink.h:
 * ```c
 * struct nlattr {
 *   __u16 nla_len;   // header included, padding not
 *   __u16 nla_type;  // the two highest bits: NLA_F_NESTED, NLA_F_NET_BYTEORDER
 * };
 * ```
 */
import { align4, LITTLE_ENDIAN, viewOf, type Writer } from "../bytes.ts";

export const NLA_HDRLEN = 4;
const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;
/** Of an attribute's value, in bytes: nla_len has 16 bits. */
export const MAX_VALUE = 0xffff - NLA_HDRLEN;

export interface Attribute {
  /** Without the flag bits. */
  readonly type: number;
  /** A view into what was read. */
  readonly value: Uint8Array;
}

/**
 * Write one attribute whose value `body` writes.
 * @throws RangeError for a value of more than 65531 bytes
 */
export function put(to: Writer, type: number, body: (to: Writer) => void): void {
  const start = to.length;
  to.u16(0).u16(type);
  body(to);
  const length = to.length - start;
  if (length - NLA_HDRLEN > MAX_VALUE) throw new RangeError(`netlink attribute ${type}: ${length} bytes`);
  to.setU16(start, length);
  to.pad4();
}

/** Attributes within an attribute. The flag is required by nftables, and ignored or checked elsewhere. */
export const putNested = (to: Writer, type: number, body: (to: Writer) => void): void =>
  put(to, type | NLA_F_NESTED, body);

/** The common values, without a closure each. */
function header(to: Writer, type: number, size: number): Writer {
  return to.u16(NLA_HDRLEN + size).u16(type);
}

export const putU32 = (to: Writer, type: number, value: number): Writer => header(to, type, 4).u32(value);
/** Network order, as netfilter has its numbers. */
export const putBe32 = (to: Writer, type: number, value: number): Writer => header(to, type, 4).be32(value);
export const putBytes = (to: Writer, type: number, value: Uint8Array): void =>
  put(to, type, (w) => w.bytes(value));
export const putString = (to: Writer, type: number, value: string): void =>
  put(to, type, (w) => w.cstring(value));

/**
 * Visit the attributes in `bytes`, one after another: type, and from where to where its value goes. As the
 * kernel does (nla_ok), it ends at the first that does not fit: a broken tail is not read, nothing throws.
 */
function walk(bytes: Uint8Array, visit: (type: number, start: number, end: number) => void): void {
  const view = viewOf(bytes);
  let at = 0;
  while (at + NLA_HDRLEN <= bytes.length) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > bytes.length) return;
    visit(view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK, at + NLA_HDRLEN, at + length);
    at += align4(length);
  }
}

/** The attributes in `bytes`, in their order. */
export function readAttributes(bytes: Uint8Array): Attribute[] {
  const found: Attribute[] = [];
  walk(bytes, (type, start, end) => found.push({ type, value: bytes.subarray(start, end) }));
  return found;
}

/** The attributes in `bytes` by type; where one comes twice, its last value. */
export function attributesOf(bytes: Uint8Array | undefined): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  if (bytes) walk(bytes, (type, start, end) => found.set(type, bytes.subarray(start, end)));
  return found;
}

/** One attribute's value, where the others don't matter. */
export function attributeOf(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  walk(bytes, (type, start, end) => {
    if (type === wanted) found = bytes.subarray(start, end);
  });
  return found;
}
