/**
 * C structures as values, in both directions: each field at the next offset that its alignment allows, the whole rounded up
 * to eight bytes as XT_ALIGN does. Numbers are in the machine's order unless their name says otherwise.
 */
import { LITTLE_ENDIAN, readCString, viewOf } from "../bytes.ts";

/** One field's kind. */
export interface Field<Value> {
  readonly size: number;
  readonly alignment: number;
  get(view: DataView, at: number): Value;
  set(view: DataView, at: number, value: Value): void;
}

type ValuesOf<Fields extends Readonly<Record<string, Field<unknown>>>> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never;
};

export interface Struct<Value> {
  /** Without the padding at its end. */
  readonly size: number;
  /** Undefined where the bytes are too few. What is beyond them is padding. */
  decode(bytes: Uint8Array): Value | undefined;
  encode(value: Value): Uint8Array;
}

const alignTo = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

/** Fields in the order in which they are named. */
export function struct<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  fields: Fields,
): Struct<ValuesOf<Fields>> {
  let size = 0;
  const placed = Object.entries(fields).map(([name, field]) => {
    const at = alignTo(size, field.alignment);
    size = at + field.size;
    return { name, field, at };
  });
  return {
    size,
    decode(bytes) {
      if (bytes.length < size) return undefined;
      const view = viewOf(bytes);
      return Object.fromEntries(
        placed.map(({ name, field, at }) => [name, field.get(view, at)]),
      ) as ValuesOf<Fields>;
    },
    encode(value) {
      const bytes = new Uint8Array(alignTo(size, 8));
      const view = viewOf(bytes);
      for (const { name, field, at } of placed) field.set(view, at, value[name]);
      return bytes;
    },
  };
}

export const u8: Field<number> = {
  size: 1,
  alignment: 1,
  get: (view, at) => view.getUint8(at),
  set: (view, at, value) => view.setUint8(at, value),
};

const sixteen = (little: boolean): Field<number> => ({
  size: 2,
  alignment: 2,
  get: (view, at) => view.getUint16(at, little),
  set: (view, at, value) => view.setUint16(at, value, little),
});
export const u16 = sixteen(LITTLE_ENDIAN);
/** Network order. */
export const be16 = sixteen(false);

export const u32: Field<number> = {
  size: 4,
  alignment: 4,
  get: (view, at) => view.getUint32(at, LITTLE_ENDIAN),
  set: (view, at, value) => view.setUint32(at, value, LITTLE_ENDIAN),
};

export const u64: Field<bigint> = {
  size: 8,
  alignment: 8,
  get: (view, at) => view.getBigUint64(at, LITTLE_ENDIAN),
  set: (view, at, value) => view.setBigUint64(at, value, LITTLE_ENDIAN),
};

/** What the kernel keeps for itself: told as zeros, and written so. */
export const kernelPointer: Field<undefined> = {
  size: 8,
  alignment: 8,
  get: () => undefined,
  set: () => undefined,
};

/** `unsigned char field[size]`. What is too long is cut off, what is too short is followed by zeros. */
export const octets = (size: number, alignment = 1): Field<Uint8Array> => ({
  size,
  alignment,
  get: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
  set: (view, at, value) =>
    new Uint8Array(view.buffer, view.byteOffset + at, size).set(value.subarray(0, size)),
});

/** `char field[size]`: text up to its NUL. */
export const text = (size: number): Field<string> => ({
  size,
  alignment: 1,
  get: (view, at) => readCString(new Uint8Array(view.buffer, view.byteOffset + at, size)),
  set: (view, at, value) =>
    void new TextEncoder().encodeInto(value, new Uint8Array(view.buffer, view.byteOffset + at, size - 1)),
});

export const array = <Value>(of: Field<Value>, count: number): Field<readonly Value[]> => ({
  size: of.size * count,
  alignment: of.alignment,
  get: (view, at) => Array.from({ length: count }, (_, i) => of.get(view, at + i * of.size)),
  set: (view, at, values) => {
    values.slice(0, count).forEach((value, i) => {
      of.set(view, at + i * of.size, value);
    });
  },
});

/** union nf_inet_addr, linux/netfilter.h: sixteen bytes, of which an IPv4 address is the first four. */
export const inetAddress = octets(16, 4);
