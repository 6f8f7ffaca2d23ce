/**
 * The bridge's ports that a packet came in by and leaves by, where br_netfilter shows bridged packets to IP's hooks.
 * ```
 * struct xt_physdev_info {                                            // linux/netfilter/xt_physdev.h
 *   char physindev[16], in_mask[16];
 *   char physoutdev[16], out_mask[16];
 *   __u8 invert, bitmask;                                             // XT_PHYSDEV_OP_*
 * };
 * ```
 */
import { patternBytes, readPattern } from "../../../../linux/xtables/pattern.ts";
import { octets, struct, u8 } from "../../../../linux/xtables/struct.ts";
import { fitsPattern, linkName } from "../look.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({
  inName: octets(16),
  inMask: octets(16),
  outName: octets(16),
  outMask: octets(16),
  inverted: u8,
  asked: u8,
});
const OP = { in: 1, out: 2, bridged: 4, isIn: 8, isOut: 16 };

export const physdev = defineMatch({
  name: "physdev",
  decode(info, revision) {
    const value = revision === 0 ? INFO.decode(info) : undefined;
    if (!value) return undefined;
    const { inverted, asked } = value;
    return {
      in: readPattern(value.inName, value.inMask) ?? "+",
      out: readPattern(value.outName, value.outMask) ?? "+",
      inverted,
      asked,
    };
  },
  encode({ in: into, out, inverted, asked }) {
    const [inName, inMask] = patternBytes(asked & OP.in ? into : "");
    const [outName, outMask] = patternBytes(asked & OP.out ? out : "");
    return { revision: 0, info: INFO.encode({ inName, inMask, outName, outMask, inverted, asked }) };
  },
  /** physdev_mt of net/netfilter/xt_physdev.c. */
  matches({ in: into, out, inverted, asked }, _, { namespace, physicalIn, physicalOut }) {
    const not = (bit: number) => (inverted & bit) !== 0;
    const wants = (bit: number) => (asked & bit) !== 0;
    // Not a bridged packet: only what is asked for by `!` is true of it.
    if (physicalIn === undefined && physicalOut === undefined) {
      return (asked & ~inverted & (OP.bridged | OP.isIn | OP.isOut | OP.in | OP.out)) === 0;
    }
    if (wants(OP.bridged) && (physicalOut !== undefined) === not(OP.bridged)) return false;
    if (wants(OP.isIn) && (physicalIn !== undefined) === not(OP.isIn)) return false;
    if (wants(OP.isOut) && (physicalOut !== undefined) === not(OP.isOut)) return false;
    const fits = (pattern: string, port: number) => fitsPattern(pattern, linkName(namespace, port));
    if (wants(OP.in) && physicalIn !== undefined && fits(into, physicalIn) === not(OP.in)) return false;
    if (!wants(OP.out)) return true;
    return physicalOut !== undefined && fits(out, physicalOut) !== not(OP.out);
  },
  words({ in: into, out, inverted, asked }) {
    const words = (name: string, bit: number, ...values: readonly string[]) =>
      asked & bit ? option(name, (inverted & bit) !== 0, ...values) : [];
    return [
      ...words("physdev-is-in", OP.isIn),
      ...words("physdev-in", OP.in, into),
      ...words("physdev-is-out", OP.isOut),
      ...words("physdev-out", OP.out, out),
      ...words("physdev-is-bridged", OP.bridged),
    ];
  },
  parse(options) {
    const given = {
      [OP.isIn]: options.take("physdev-is-in"),
      [OP.in]: options.take("physdev-in"),
      [OP.isOut]: options.take("physdev-is-out"),
      [OP.out]: options.take("physdev-out"),
      [OP.bridged]: options.take("physdev-is-bridged"),
    };
    const bits = Object.entries(given);
    const sum = (those: typeof bits) => those.reduce((all, [bit]) => all | Number(bit), 0);
    const [into, out] = [given[OP.in], given[OP.out]];
    return {
      in: into ? options.valueOf(into) : "+",
      out: out ? options.valueOf(out) : "+",
      asked: sum(bits.filter(([, option]) => option)),
      inverted: sum(bits.filter(([, option]) => option?.not)),
    };
  },
});
