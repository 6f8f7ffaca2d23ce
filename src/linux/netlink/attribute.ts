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
const NLA_TYPE_MASK = 0x3fff;
/** nla_len has 16 bits. */
const MAX_VALUE = 0xffff - NLA_HDRLEN;

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

export const putU8 = (to: Writer, type: number, value: number): void => put(to, type, (w) => w.u8(value));
export const putU32 = (to: Writer, type: number, value: number): void => put(to, type, (w) => w.u32(value));
export const putBe32 = (to: Writer, type: number, value: number): void => put(to, type, (w) => w.be32(value));
export const putBytes = (to: Writer, type: number, value: Uint8Array): void =>
  put(to, type, (w) => w.bytes(value));
export const putString = (to: Writer, type: number, value: string): void =>
  put(to, type, (w) => w.cstring(value));

/**
 * The attributes in `bytes`, one after another. As the kernel does (nla_ok), it ends at the first that
 * does not fit: a broken tail is not read, and nothing throws.
 */
export function* readAttributes(bytes: Uint8Array): Generator<Attribute> {
  const view = viewOf(bytes);
  let at = 0;
  while (at + NLA_HDRLEN <= bytes.length) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > bytes.length) return;
    const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
    yield { type, value: bytes.subarray(at + NLA_HDRLEN, at + length) };
    at += align4(length);
  }
}

/** The attributes in `bytes` by type; where one comes twice, its last value. */
export function attributesOf(bytes: Uint8Array | undefined): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  if (bytes) for (const { type, value } of readAttributes(bytes)) found.set(type, value);
  return found;
}
