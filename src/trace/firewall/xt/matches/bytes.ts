/** Matches of single fields of the IP header. */
import { struct, u8, u16 } from "../../../../linux/xtables/struct.ts";
import { ttlOf } from "../../../packet/packet.ts";
import { lengthOf, tosOf } from "../look.ts";
import { defineMatch } from "../types.ts";
import { option, range } from "../words.ts";

/** `struct ipt_ttl_info, ip6t_hl_info { __u8 mode; __u8 ttl; };`, linux/netfilter_ipv4/ipt_ttl.h, netfilter_ipv6/ip6t_hl.h. */
const TTL = struct({ mode: u8, ttl: u8 });
const MODE = { eq: 0, ne: 1, lt: 2, gt: 3 };

const defineTtl = (name: string) =>
  defineMatch({
    name,
    decode: (info, revision) => (revision === 0 ? TTL.decode(info) : undefined),
    encode: (value) => ({ revision: 0, info: TTL.encode(value) }),
    matches({ mode, ttl }, packet) {
      const has = ttlOf(packet) ?? 0;
      if (mode === MODE.lt) return has < ttl;
      if (mode === MODE.gt) return has > ttl;
      return (has === ttl) === (mode === MODE.eq);
    },
    words({ mode, ttl }) {
      const word = mode === MODE.lt ? "lt" : mode === MODE.gt ? "gt" : "eq";
      return option(`${name}-${word}`, mode === MODE.ne, ttl);
    },
    parse(options) {
      for (const word of ["eq", "lt", "gt"] as const) {
        const given = options.take(`${name}-${word}`);
        if (given) {
          const mode = given.not ? MODE.ne : MODE[word];
          return { mode, ttl: options.number(options.valueOf(given), 255) };
        }
      }
      throw options.wrong("nothing to compare with");
    },
  });

export const ttl = defineTtl("ttl");
export const hl = defineTtl("hl");

/** `struct xt_length_info { __u16 min, max; __u8 invert; };`, linux/netfilter/xt_length.h: of the whole packet. */
const LENGTH = struct({ min: u16, max: u16, invert: u8 });

export const length = defineMatch({
  name: "length",
  decode: (info, revision) => (revision === 0 ? LENGTH.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: LENGTH.encode(value) }),
  matches({ min, max, invert }, packet) {
    const has = lengthOf(packet);
    return (has >= min && has <= max) !== (invert !== 0);
  },
  words: ({ min, max, invert }) => option("length", invert !== 0, range(min, max)),
  parse(options) {
    const { value, not } = options.must("length");
    const [min, max] = options.range(value);
    return { min, max, invert: not ? 1 : 0 };
  },
});

const byte = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;

/** `struct xt_dscp_info { __u8 dscp; __u8 invert; };`, linux/netfilter/xt_dscp.h: the upper six bits of the TOS byte. */
const DSCP = struct({ dscp: u8, invert: u8 });

export const dscp = defineMatch({
  name: "dscp",
  decode: (info, revision) => (revision === 0 ? DSCP.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: DSCP.encode(value) }),
  matches: ({ dscp, invert }, packet) => (tosOf(packet) >> 2 === dscp) !== (invert !== 0),
  words: ({ dscp, invert }) => option("dscp", invert !== 0, byte(dscp)),
  parse(options) {
    const { value, not } = options.must("dscp");
    return { dscp: options.number(value, 63), invert: not ? 1 : 0 };
  },
});

/** `struct xt_tos_match_info { __u8 tos_mask, tos_value, invert; };`, linux/netfilter/xt_dscp.h. */
const TOS = struct({ mask: u8, value: u8, invert: u8 });

export const tos = defineMatch({
  name: "tos",
  decode: (info, revision) => (revision === 1 ? TOS.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: TOS.encode(value) }),
  matches: ({ mask, value, invert }, packet) => ((tosOf(packet) & mask) === value) !== (invert !== 0),
  words: ({ mask, value, invert }) => option("tos", invert !== 0, `${byte(value)}/${byte(mask)}`),
  parse(options) {
    const { value, not } = options.must("tos");
    return { ...options.masked(value, 0xff), invert: not ? 1 : 0 };
  },
});
