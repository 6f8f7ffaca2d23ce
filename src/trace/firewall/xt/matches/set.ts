/**
 * ipset(8)'s sets, by their index in the kernel: what is in them is not in a rule.
 * ```
 * struct xt_set_info { ip_set_id_t index; __u8 dim; __u8 flags; };   // linux/netfilter/xt_set.h: from revision 1 on, first
 * ```
 */
import { struct, u8, u16 } from "../../../../linux/xtables/struct.ts";
import { defineMatch, opaque } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({ index: u16, dimensions: u8, flags: u8 });
const INVERTED = 4;

const decoded = defineMatch({
  name: "set",
  decode: (info, revision) => (revision > 0 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: INFO.encode(value) }),
  matches: () => "unknown",
  words: ({ index, dimensions, flags }) =>
    option("match-set", (flags & INVERTED) !== 0, `#${index}`, sides(dimensions, flags)),
  parse: () => ({ index: 0, dimensions: 0, flags: 0 }),
});

/** A set is known by its name to people and by a number to the kernel: in text it stays the words that it was. */
export const set: typeof decoded = {
  ...decoded,
  prepare: (extension, family) =>
    extension.written
      ? { words: () => extension.written ?? [], matches: () => "unknown" }
      : decoded.prepare(extension, family),
  parse: (options) => opaque("set", options),
};

/** `src,dst`: of each dimension, by its bit, IPSET_DIM_ONE_SRC and further. */
const sides = (dimensions: number, flags: number): string =>
  Array.from({ length: Math.min(dimensions, 6) }, (_, i) => (flags & (2 << i) ? "src" : "dst")).join(",");
