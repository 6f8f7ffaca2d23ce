/**
 * The packet's mark, and its connection's.
 * ```
 * struct xt_mark_mtinfo1     { __u32 mark, mask; __u8 invert; };   // linux/netfilter/xt_mark.h
 * struct xt_connmark_mtinfo1 { __u32 mark, mask; __u8 invert; };   // linux/netfilter/xt_connmark.h
 * ```
 */
import { struct, u8, u32 } from "../../../../linux/xtables/struct.ts";
import type { Packet } from "../../../packet/types.ts";
import type { Surroundings } from "../../types.ts";
import { defineMatch } from "../types.ts";
import { masked, option } from "../words.ts";

const MARK = struct({ mark: u32, mask: u32, invert: u8 });

const define = (name: string, of: (packet: Packet, around: Surroundings) => number | undefined) =>
  defineMatch({
    name,
    decode: (info, revision) => (revision === 1 ? MARK.decode(info) : undefined),
    encode: (value) => ({ revision: 1, info: MARK.encode(value) }),
    matches({ mark, mask, invert }, packet, around) {
      const has = of(packet, around);
      return has !== undefined && ((has & mask) >>> 0 === mark) !== (invert !== 0);
    },
    words: ({ mark, mask, invert }) => option("mark", invert !== 0, masked(mark, mask)),
    parse(options) {
      const { value, not } = options.must("mark");
      const { value: mark, mask } = options.masked(value);
      return { mark, mask, invert: not ? 1 : 0 };
    },
  });

export const mark = define("mark", (packet) => packet.mark);
/** Without a connection it matches nothing, `!` or not. */
export const connmark = define("connmark", (_, { connection }) =>
  connection && connection.state !== "untracked" && connection.state !== "invalid"
    ? connection.mark
    : undefined,
);
