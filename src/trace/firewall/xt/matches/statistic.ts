/**
 * Chance, and every nth.
 * ```
 * struct xt_statistic_info {                                        // linux/netfilter/xt_statistic.h
 *   __u16 mode, flags;                                              // XT_STATISTIC_MODE_*; 1 inverts
 *   union {
 *     struct { __u32 probability; } random;                         // of 0x80000000
 *     struct { __u32 every, packet, count; } nth;                   // every is one less
 *   } u;
 *   struct xt_statistic_priv *master;
 * };
 * ```
 */
import { kernelPointer, struct, u16, u32 } from "../../../../linux/xtables/struct.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({ mode: u16, flags: u16, first: u32, packet: u32, count: u32, master: kernelPointer });
const RANDOM = 0;
const NTH = 1;
const INVERT = 1;
const CERTAIN = 0x80000000;

export const statistic = defineMatch({
  name: "statistic",
  decode: (info, revision) => (revision === 0 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: INFO.encode(value) }),
  matches({ mode, flags, first }) {
    const not = (flags & INVERT) !== 0;
    if (mode === RANDOM && first >= CERTAIN - 1) return !not;
    if (mode === RANDOM && first === 0) return not;
    return mode === NTH && first === 0 ? !not : "unknown";
  },
  words({ mode, flags, first, packet }) {
    const not = (flags & INVERT) !== 0;
    if (mode === RANDOM) {
      return [
        ...option("mode", false, "random"),
        ...option("probability", not, (first / CERTAIN).toFixed(11)),
      ];
    }
    return [
      ...option("mode", false, "nth"),
      ...option("every", not, first + 1),
      ...option("packet", false, packet),
    ];
  },
  parse(options) {
    const mode = options.oneOf(options.must("mode").value, { random: RANDOM, nth: NTH });
    const { value, not } = options.must(mode === RANDOM ? "probability" : "every");
    const first = options.take("packet");
    const packet = first ? options.number(options.valueOf(first)) : 0;
    const chance = Number(value);
    if (mode === RANDOM && !(chance >= 0 && chance <= 1)) throw options.wrong(`${value} is no probability`);
    return {
      mode,
      flags: not ? INVERT : 0,
      first: mode === RANDOM ? Math.round(CERTAIN * chance) : options.number(value) - 1,
      packet,
      count: packet,
      master: undefined,
    };
  },
});
