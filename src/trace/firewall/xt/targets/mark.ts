/**
 * Marks written: the packet's, and its connection's.
 * ```
 * struct xt_mark_tginfo2     { __u32 mark, mask; };                            // linux/netfilter/xt_mark.h
 * struct xt_connmark_tginfo1 { __u32 ctmark, ctmask, nfmask; __u8 mode; };      // linux/netfilter/xt_connmark.h
 * struct xt_connmark_tginfo2 { __u32 ctmark, ctmask, nfmask; __u8 shift_dir, shift_bits, mode; };
 * ```
 */
import { struct, u8, u32 } from "../../../../linux/xtables/struct.ts";
import { withMark } from "../../../packet/packet.ts";
import type { Options } from "../options.ts";
import { defineTarget, type Effect } from "../types.ts";
import { hex, option } from "../words.ts";

const MARK2 = struct({ mark: u32, mask: u32 });
const ALL = 0xffffffff;
const NEXT = { do: "continue" } as const;

/** Bits cleared, then bits turned. */
const rewritten = (before: number, mask: number, mark: number): number => ((before & ~mask) ^ mark) >>> 0;

export const MARK = defineTarget({
  name: "MARK",
  decode: (info, revision) => (revision === 2 ? MARK2.decode(info) : undefined),
  encode: (value) => ({ revision: 2, info: MARK2.encode(value) }),
  apply({ mark, mask }, packet) {
    const set = rewritten(packet.mark, mask, mark);
    return { next: NEXT, does: `set mark ${hex(set)}`, packet: withMark(packet, set) };
  },
  words: ({ mark, mask }) => option("set-xmark", false, `${hex(mark)}/${hex(mask)}`),
  parse(options) {
    const asked = setMark(options);
    if (!asked) throw options.wrong("no mark");
    return asked;
  },
});

/** Five ways to say which bits are cleared and which are turned. */
function setMark(options: Options): { mark: number; mask: number } | undefined {
  const given = options.take("set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark");
  if (!given) return undefined;
  const { value, mask } = options.masked(options.valueOf(given));
  switch (given.name) {
    case "set-xmark":
      return { mark: value, mask };
    case "set-mark":
      return { mark: value, mask: (value | mask) >>> 0 };
    case "and-mark":
      return { mark: 0, mask: ~value >>> 0 };
    case "or-mark":
      return { mark: value, mask: value };
    default:
      return { mark: value, mask: 0 };
  }
}

const CONNMARK1 = struct({ mark: u32, mask: u32, packetMask: u32, mode: u8 });
const CONNMARK2 = struct({ mark: u32, mask: u32, packetMask: u32, right: u8, shift: u8, mode: u8 });
const MODE = { set: 0, save: 1, restore: 2 };

export const CONNMARK = defineTarget({
  name: "CONNMARK",
  decode(info, revision) {
    if (revision === 2) return CONNMARK2.decode(info);
    const old = revision === 1 ? CONNMARK1.decode(info) : undefined;
    return old && { ...old, right: 0, shift: 0 };
  },
  encode: (value) => ({ revision: 2, info: CONNMARK2.encode(value) }),
  /** connmark_tg_shift of net/netfilter/xt_connmark.c. */
  apply({ mark, mask, packetMask, right, shift, mode }, packet, { connection }): Effect {
    const shifted = (bits: number) => (right ? bits >>> shift : bits << shift) >>> 0;
    if (!connection || connection.state === "untracked" || connection.state === "invalid") {
      return { next: NEXT, does: "no connection to mark" };
    }
    if (mode === MODE.restore) {
      const set = rewritten(packet.mark, packetMask, shifted(connection.mark & mask));
      return { next: NEXT, does: `set mark ${hex(set)}`, packet: withMark(packet, set) };
    }
    const connectionMark =
      mode === MODE.set
        ? shifted(rewritten(connection.mark, mask, mark))
        : rewritten(connection.mark, mask, shifted(packet.mark & packetMask));
    return { next: NEXT, does: `set ct mark ${hex(connectionMark)}`, connectionMark };
  },
  words({ mark, mask, packetMask, right, shift, mode }) {
    const shifts = shift ? option(right ? "right-shift-mark" : "left-shift-mark", false, shift) : [];
    if (mode === MODE.set) return [...option("set-xmark", false, `${hex(mark)}/${hex(mask)}`), ...shifts];
    return [
      ...option(mode === MODE.save ? "save-mark" : "restore-mark", false),
      ...option("nfmask", false, hex(packetMask)),
      ...option("ctmask", false, hex(mask)),
      ...shifts,
    ];
  },
  parse(options) {
    const left = options.take("left-shift-mark");
    const right = options.take("right-shift-mark");
    const given = left ?? right;
    const shift = given ? options.number(options.valueOf(given), 31) : 0;
    const rest = { right: right ? 1 : 0, shift };
    const set = setMark(options);
    if (set) return { ...set, packetMask: ALL, mode: MODE.set, ...rest };
    const save = options.flag("save-mark");
    if (!save && !options.flag("restore-mark")) throw options.wrong("nothing to do");
    const both = maskOf(options, "mask", ALL);
    const packetMask = maskOf(options, "nfmask", both);
    const mask = maskOf(options, "ctmask", both);
    return { mark: 0, mask, packetMask, mode: save ? MODE.save : MODE.restore, ...rest };
  },
});

function maskOf(options: Options, name: string, otherwise: number): number {
  const given = options.take(name);
  return given ? options.number(options.valueOf(given)) : otherwise;
}
