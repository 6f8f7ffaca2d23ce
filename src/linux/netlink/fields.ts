/**
 * Attributes of one message by their type, without an object each: a dump of a thousand namespaces has a million of
 * them. One reader is used for message after message; what it gave before is then somebody else's, but for texts,
 * numbers and addresses.
 */
import type { Address, Family, Mac } from "../../lib/ip.ts";
import { align4, LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { NLA_HDRLEN, NLA_TYPE_MASK } from "./attribute.ts";

/** Attributes of the kinds that are read here have types below this. */
const TYPES = 128;

const decoder = new TextDecoder();
const NOTHING = new Uint8Array();
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export class Fields {
  #bytes: Uint8Array = NOTHING;
  #view = viewOf(NOTHING);
  /** Where the value of a type begins and ends; 0 is nowhere, for a header comes before each value. */
  readonly #starts = new Uint32Array(TYPES);
  readonly #ends = new Uint32Array(TYPES);

  /**
   * Take the attributes of `bytes` from `start` on. As the kernel does (nla_ok), it ends at the first that does not fit:
   * nothing throws. Of several of one type, the last stands.
   */
  of(bytes: Uint8Array, start = 0): this {
    this.#starts.fill(0);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    const view = this.#view;
    for (let at = start; at + NLA_HDRLEN <= bytes.length; ) {
      const length = view.getUint16(at, LITTLE_ENDIAN);
      if (length < NLA_HDRLEN || at + length > bytes.length) break;
      const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
      if (type < TYPES) {
        this.#starts[type] = at + NLA_HDRLEN;
        this.#ends[type] = at + length;
      }
      at += align4(length);
    }
    return this;
  }

  /** Take the attributes within an attribute of another reader. Where it has none of that type, there are none. */
  within(outer: Fields, type: number): this {
    return this.of(outer.bytes(type) ?? NOTHING);
  }

  has(type: number): boolean {
    return this.#starts[type] !== 0;
  }

  /** A view into what was read. */
  bytes(type: number): Uint8Array | undefined {
    const start = this.#starts[type];
    return start ? this.#bytes.subarray(start, this.#ends[type]) : undefined;
  }

  /** Numbers: undefined where none is there, or one of another size. */
  u8(type: number): number | undefined {
    const at = this.#sized(type, 1);
    return at === 0 ? undefined : this.#view.getUint8(at);
  }

  u16(type: number): number | undefined {
    const at = this.#sized(type, 2);
    return at === 0 ? undefined : this.#view.getUint16(at, LITTLE_ENDIAN);
  }

  u32(type: number): number | undefined {
    const at = this.#sized(type, 4);
    return at === 0 ? undefined : this.#view.getUint32(at, LITTLE_ENDIAN);
  }

  i32(type: number): number | undefined {
    const at = this.#sized(type, 4);
    return at === 0 ? undefined : this.#view.getInt32(at, LITTLE_ENDIAN);
  }

  /** Network order. */
  be16(type: number): number | undefined {
    const at = this.#sized(type, 2);
    return at === 0 ? undefined : this.#view.getUint16(at);
  }

  /** Network order. */
  be32(type: number): number | undefined {
    const at = this.#sized(type, 4);
    return at === 0 ? undefined : this.#view.getUint32(at);
  }

  /** Up to the first NUL. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    if (!bytes) return undefined;
    const end = bytes.indexOf(0);
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  mac(type: number): Mac | undefined {
    const at = this.#sized(type, 6);
    return at === 0 ? undefined : macAt(this.#bytes, at);
  }

  address(type: number, family: Family): Address | undefined {
    const at = this.#sized(type, family === 4 ? 4 : 16);
    return at === 0 ? undefined : addressAt(this.#view, at, family);
  }

  #sized(type: number, size: number): number {
    const start = this.#starts[type] ?? 0;
    return (this.#ends[type] ?? 0) - start === size ? start : 0;
  }
}

/** The address in network order at `at`. */
export const addressAt = (view: DataView, at: number, family: Family): Address =>
  family === 4
    ? { family, bits: BigInt(view.getUint32(at)) }
    : { family, bits: (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8) };

const macAt = (bytes: Uint8Array, at: number): Mac => {
  let text = HEX[bytes[at] ?? 0] ?? "";
  for (let i = 1; i < 6; i += 1) text += `:${HEX[bytes[at + i] ?? 0]}`;
  return text as Mac;
};
