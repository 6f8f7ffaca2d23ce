/**
 * Where the running kernel keeps what: BPF type format, Documentation/bpf/btf.rst, linux/btf.h. The whole kernel's is 5 MB
 * and 150,000 types: they are stepped over, and those decoded that are asked for.
 * ```c
 * struct btf_header {
 *   __u16 magic;            // 0xeB9F
 *   __u8 version, flags;
 *   __u32 hdr_len;
 *   __u32 type_off, type_len, str_off, str_len;   // counted from the header's end
 * };
 * struct btf_type {
 *   __u32 name_off;
 *   __u32 info;             // bits 0-15 vlen, 24-28 kind, 31 kind_flag
 *   union { __u32 size; __u32 type; };
 * };                        // then what its kind has
 * struct btf_member { __u32 name_off, type, offset; };   // bits; with kind_flag 24 of them, the field's width above
 * struct btf_enum   { __u32 name_off; __s32 val; };
 * struct btf_param  { __u32 name_off, type; };
 * ```
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { KernelError } from "../ffi.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";

const MAGIC = 0xeb9f;
const TYPE_SIZE = 12;
const MEMBER_SIZE = 12;
const PAIR_SIZE = 8;

const INT = 1;
const PTR = 2;
const ARRAY = 3;
const STRUCT = 4;
const UNION = 5;
const ENUM = 6;
const TYPEDEF = 8;
const VOLATILE = 9;
const CONST = 10;
const RESTRICT = 11;
const FUNC_PROTO = 13;
const VAR = 14;
const DATASEC = 15;
const DECL_TAG = 17;
const TYPE_TAG = 18;
const ENUM64 = 19;

/** Names of another type, that stands behind: `const`, `volatile`, a typedef. */
const TRANSPARENT = new Set([TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG]);

/** Bytes that follow a type of a kind: so many, and so many more for each of its `vlen`. */
const FIXED: Readonly<Record<number, number>> = { [INT]: 4, [ARRAY]: 12, [VAR]: 4, [DECL_TAG]: 4 };
const EACH: Readonly<Record<number, number>> = {
  [STRUCT]: MEMBER_SIZE,
  [UNION]: MEMBER_SIZE,
  [ENUM]: PAIR_SIZE,
  [FUNC_PROTO]: PAIR_SIZE,
  [DATASEC]: 12,
  [ENUM64]: 12,
};
const FIXED_OF = Array.from({ length: 32 }, (_, kind) => TYPE_SIZE + (FIXED[kind] ?? 0));
const EACH_OF = Array.from({ length: 32 }, (_, kind) => EACH[kind] ?? 0);

/** Types of one kernel, read once, the names that matter known beforehand. */
export class Btf {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #strings: number;
  /** Of each type's number, where it stands; 0 is void. */
  readonly #at: Uint32Array;
  /** Types by name, of those that were wanted. A struct and a typedef may share one. */
  readonly #named = new Map<string, number[]>();

  /**
   * @param names of the types that will be asked for by name
   * @throws RangeError where `bytes` are no such thing
   */
  constructor(bytes: Buffer, names: readonly string[]) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    if (bytes.length < 24 || this.#u16(0) !== MAGIC) throw new RangeError("not BPF type format");
    const header = this.#u32(4);
    this.#strings = header + this.#u32(16);
    const begin = header + this.#u32(8);
    const end = begin + this.#u32(12);
    if (Math.max(end, this.#strings) > bytes.length) throw new RangeError("BPF type format cut short");
    const wanted = new Map(names.map((name) => [this.#stringAt(name), name]));
    this.#at = new Uint32Array((end - begin) / TYPE_SIZE + 1);
    this.#step(begin, end, wanted);
  }

  /**
   * How far into a struct a member lies, in bytes, whatever unnamed structs and unions it is in: `ns.inum` of `net`.
   * @throws RangeError where there is none
   */
  offsetOf(struct: string, path: string): number {
    const found = this.#find(this.#type(struct, STRUCT), path.split("."));
    if (found === undefined) throw new RangeError(`this kernel's struct ${struct} has no ${path}`);
    return found / 8;
  }

  /** An enum's names by value; none where the kernel has not that enum. */
  enumerators(name: string): ReadonlyMap<number, string> {
    const found = new Map<number, string>();
    const at = this.#tryType(name, ENUM);
    if (at === undefined) return found;
    for (let i = 0; i < this.#vlen(at); i += 1) {
      const pair = at + TYPE_SIZE + i * PAIR_SIZE;
      found.set(this.#view.getInt32(pair + 4, LITTLE_ENDIAN), this.#string(this.#u32(pair)));
    }
    return found;
  }

  /** How many arguments a tracepoint gives a program: `btf_trace_NAME` is a typedef of its probe, whose first is not ours. */
  tracepointArguments(name: string): number | undefined {
    const typedef = this.#tryType(`btf_trace_${name}`, TYPEDEF);
    if (typedef === undefined) return undefined;
    let at = typedef;
    while (this.#kind(at) === PTR || TRANSPARENT.has(this.#kind(at))) at = this.#at[this.#u32(at + 8)] ?? 0;
    return this.#kind(at) === FUNC_PROTO ? this.#vlen(at) - 1 : undefined;
  }

  /** Bits from the beginning of the struct at `at`. */
  #find(at: number, path: readonly string[]): number | undefined {
    const [wanted, ...rest] = path;
    if (wanted === undefined) return 0;
    const fields = (this.#u32(at + 4) & 0x80000000) !== 0;
    for (let i = 0; i < this.#vlen(at); i += 1) {
      const member = at + TYPE_SIZE + i * MEMBER_SIZE;
      const name = this.#string(this.#u32(member));
      if (name !== "" && name !== wanted) continue;
      const raw = this.#u32(member + 8);
      const within = this.#find(this.#resolve(this.#u32(member + 4)), name === "" ? path : rest);
      if (within !== undefined) return within + (fields ? raw & 0xffffff : raw);
    }
    return undefined;
  }

  #resolve(type: number): number {
    let at = this.#at[type] ?? 0;
    while (at !== 0 && TRANSPARENT.has(this.#kind(at))) at = this.#at[this.#u32(at + 8)] ?? 0;
    return at;
  }

  #type(name: string, kind: number): number {
    const at = this.#tryType(name, kind);
    if (at === undefined) throw new RangeError(`this kernel tells of no ${name}`);
    return at;
  }

  #tryType(name: string, kind: number): number | undefined {
    // A forward declaration has no members, and is of another kind.
    return this.#named.get(name)?.find((at) => this.#kind(at) === kind);
  }

  #step(begin: number, end: number, wanted: ReadonlyMap<number, string>): void {
    const words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length >> 2);
    let id = 1;
    for (let at = begin; at < end; id += 1) {
      this.#at[id] = at;
      const info = words[(at >> 2) + 1] ?? 0;
      const kind = (info >>> 24) & 31;
      const name = words[at >> 2] ?? 0;
      if (name !== 0 && wanted.has(name)) {
        const known = wanted.get(name) ?? "";
        this.#named.set(known, [...(this.#named.get(known) ?? []), at]);
      }
      at += (FIXED_OF[kind] ?? TYPE_SIZE) + (EACH_OF[kind] ?? 0) * (info & 0xffff);
    }
  }

  /** Strings are kept once each, so a name is known by where it stands; -1 where no type has it. */
  #stringAt(name: string): number {
    const found = this.#bytes.indexOf(`\0${name}\0`, this.#strings, "latin1");
    return found < 0 ? -1 : found + 1 - this.#strings;
  }

  #string(offset: number): string {
    const start = this.#strings + offset;
    return this.#bytes.toString("latin1", start, this.#bytes.indexOf(0, start));
  }

  #vlen = (at: number): number => this.#u32(at + 4) & 0xffff;
  #kind = (at: number): number => (this.#u32(at + 4) >>> 24) & 31;
  #u16 = (at: number): number => this.#view.getUint16(at, LITTLE_ENDIAN);
  #u32 = (at: number): number => this.#view.getUint32(at, LITTLE_ENDIAN);
}

/** Of the running kernel. @throws KernelError ENOENT where it was built without (CONFIG_DEBUG_INFO_BTF) */
export function readKernelBtf(names: readonly string[]): Btf {
  try {
    return new Btf(readWhole(VMLINUX), names);
  } catch (thrown) {
    throw KernelError.from("read the kernel's types (BTF)", thrown);
  }
}

/** Into memory of its full size at once: sysfs gives a page a call, and collecting those takes ten times as long. */
function readWhole(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
