/**
 * Targets that tell somebody of the packet, and let it pass on.
 * ```
 * struct xt_log_info   { unsigned char level, logflags; char prefix[30]; };                    // linux/netfilter/xt_LOG.h
 * struct xt_nflog_info { __u32 len; __u16 group, threshold, flags, pad; char prefix[64]; };    // linux/netfilter/xt_NFLOG.h
 * ```
 */
import { struct, text, u8, u16, u32 } from "../../../../linux/xtables/struct.ts";
import type { Options } from "../options.ts";
import { defineTarget } from "../types.ts";
import { option, quoted } from "../words.ts";

const LOG_INFO = struct({ level: u8, flags: u8, prefix: text(30) });
const USUAL_LEVEL = 4;
const LEVELS = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"];
/** XT_LOG_*. */
const FLAGS = {
  "log-tcp-sequence": 0x01,
  "log-tcp-options": 0x02,
  "log-ip-options": 0x04,
  "log-uid": 0x08,
  "log-macdecode": 0x20,
} as const;

export const LOG = defineTarget({
  name: "LOG",
  decode: (info, revision) => (revision === 0 ? LOG_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: LOG_INFO.encode(value) }),
  apply: () => ({ next: { do: "continue" }, does: "log" }),
  words: ({ level, flags, prefix }) => [
    ...(prefix ? option("log-prefix", false, quoted(prefix)) : []),
    ...(level === USUAL_LEVEL ? [] : option("log-level", false, level)),
    ...Object.entries(FLAGS).flatMap(([name, bit]) => (flags & bit ? option(name, false) : [])),
  ],
  parse(options) {
    const prefix = options.take("log-prefix");
    const level = options.take("log-level");
    return {
      prefix: prefix ? options.valueOf(prefix) : "",
      level: level ? levelOf(options, options.valueOf(level)) : USUAL_LEVEL,
      flags: Object.entries(FLAGS).reduce((sum, [name, bit]) => sum | (options.flag(name) ? bit : 0), 0),
    };
  },
});

function levelOf(options: Options, text: string): number {
  const named = LEVELS.indexOf(text.toLowerCase());
  return named >= 0 ? named : options.number(text, 7);
}

const NFLOG_INFO = struct({
  length: u32,
  group: u16,
  threshold: u16,
  flags: u16,
  pad: u16,
  prefix: text(64),
});
const COPY_LENGTH = 1;

export const NFLOG = defineTarget({
  name: "NFLOG",
  decode: (info, revision) => (revision === 0 ? NFLOG_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: NFLOG_INFO.encode(value) }),
  apply: ({ group }) => ({ next: { do: "continue" }, does: `log to group ${group}` }),
  words: ({ prefix, group, length, flags, threshold }) => [
    ...(prefix ? option("nflog-prefix", false, quoted(prefix)) : []),
    ...(group ? option("nflog-group", false, group) : []),
    ...(flags & COPY_LENGTH
      ? option("nflog-size", false, length)
      : length
        ? option("nflog-range", false, length)
        : []),
    ...(threshold ? option("nflog-threshold", false, threshold) : []),
  ],
  parse(options) {
    const prefix = options.take("nflog-prefix");
    const number = (name: string, most: number): number | undefined => {
      const given = options.take(name);
      return given && options.number(options.valueOf(given), most);
    };
    const size = number("nflog-size", 0xffffffff);
    return {
      prefix: prefix ? options.valueOf(prefix) : "",
      group: number("nflog-group", 0xffff) ?? 0,
      length: size ?? number("nflog-range", 0xffffffff) ?? 0,
      threshold: number("nflog-threshold", 0xffff) ?? 0,
      flags: size === undefined ? 0 : COPY_LENGTH,
      pad: 0,
    };
  },
});

/** It has no structure: what it meets is told as nftrace. */
export const TRACE = defineTarget({
  name: "TRACE",
  decode: () => ({}),
  encode: () => ({ revision: 0, info: new Uint8Array() }),
  apply: () => ({ next: { do: "continue" }, does: "trace" }),
  words: () => [],
  parse: () => ({}),
});
