/** Targets that write single fields of the IP header, or the packet's priority. */
import { struct, u8, u16, u32 } from "../../../../linux/xtables/struct.ts";
import { ttlOf, withPriority, withTtl } from "../../../packet/packet.ts";
import { tosOf, withTos } from "../look.ts";
import { defineTarget } from "../types.ts";
import { option } from "../words.ts";

const NEXT = { do: "continue" } as const;
const byte = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;

/** `struct ipt_TTL_info, ip6t_HL_info { __u8 mode; __u8 ttl; };`, linux/netfilter_ipv4/ipt_TTL.h, netfilter_ipv6/ip6t_HL.h. */
const TTL_INFO = struct({ mode: u8, ttl: u8 });
const MODES = ["set", "inc", "dec"];

const defineTtl = (name: "TTL" | "HL") => {
  const word = name.toLowerCase();
  return defineTarget({
    name,
    decode: (info, revision) => (revision === 0 ? TTL_INFO.decode(info) : undefined),
    encode: (value) => ({ revision: 0, info: TTL_INFO.encode(value) }),
    apply({ mode, ttl }, packet) {
      const before = ttlOf(packet) ?? 0;
      const after = mode === 0 ? ttl : mode === 1 ? Math.min(before + ttl, 255) : Math.max(before - ttl, 0);
      return { next: NEXT, does: `set ${word} ${after}`, packet: withTtl(packet, after) };
    },
    words: ({ mode, ttl }) => option(`${word}-${MODES[mode] ?? "set"}`, false, ttl),
    parse(options) {
      const given = options.take(...MODES.map((mode) => `${word}-${mode}`));
      if (!given) throw options.wrong("nothing to do");
      const mode = MODES.findIndex((name) => given.name.endsWith(name));
      return { mode, ttl: options.number(options.valueOf(given), 255) };
    },
  });
};

export const TTL = defineTtl("TTL");
export const HL = defineTtl("HL");

/** `struct xt_DSCP_info { __u8 dscp; };`, linux/netfilter/xt_DSCP.h. */
const DSCP_INFO = struct({ dscp: u8 });

export const DSCP = defineTarget({
  name: "DSCP",
  decode: (info, revision) => (revision === 0 ? DSCP_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: DSCP_INFO.encode(value) }),
  apply: ({ dscp }, packet) => ({
    next: NEXT,
    does: `set dscp ${byte(dscp)}`,
    packet: withTos(packet, (tosOf(packet) & 3) | (dscp << 2)),
  }),
  words: ({ dscp }) => option("set-dscp", false, byte(dscp)),
  parse: (options) => ({ dscp: options.number(options.must("set-dscp").value, 63) }),
});

/** `struct xt_tos_target_info { __u8 tos_value, tos_mask; };`, linux/netfilter/xt_DSCP.h. */
const TOS_INFO = struct({ value: u8, mask: u8 });

export const TOS = defineTarget({
  name: "TOS",
  decode: (info, revision) => (revision === 1 ? TOS_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: TOS_INFO.encode(value) }),
  apply({ value, mask }, packet) {
    const tos = ((tosOf(packet) & ~mask) ^ value) & 0xff;
    return { next: NEXT, does: `set tos ${byte(tos)}`, packet: withTos(packet, tos) };
  },
  words: ({ value, mask }) => option("set-tos", false, `${byte(value)}/${byte(mask)}`),
  parse: (options) => options.masked(options.must("set-tos").value, 0xff),
});

/** `struct xt_tcpmss_info { __u16 mss; };`, linux/netfilter/xt_TCPMSS.h: what a SYN says of the largest segment. */
const TCPMSS_INFO = struct({ mss: u16 });
const CLAMP = 0xffff;

export const TCPMSS = defineTarget({
  name: "TCPMSS",
  decode: (info, revision) => (revision === 0 ? TCPMSS_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: TCPMSS_INFO.encode(value) }),
  // Nobody asks later for that option: the packet stays as it is here.
  apply: ({ mss }) => ({ next: NEXT, does: mss === CLAMP ? "clamp mss to path mtu" : `set mss ${mss}` }),
  words: ({ mss }) => (mss === CLAMP ? option("clamp-mss-to-pmtu", false) : option("set-mss", false, mss)),
  parse: (options) => ({
    mss: options.flag("clamp-mss-to-pmtu") ? CLAMP : options.number(options.must("set-mss").value, CLAMP - 1),
  }),
});

/** `struct xt_CHECKSUM_info { __u8 operation; };`, linux/netfilter/xt_CHECKSUM.h. */
const CHECKSUM_INFO = struct({ operation: u8 });
const FILL = 1;

export const CHECKSUM = defineTarget({
  name: "CHECKSUM",
  decode: (info, revision) => (revision === 0 ? CHECKSUM_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: CHECKSUM_INFO.encode(value) }),
  apply: () => ({ next: NEXT, does: "fill checksum" }),
  words: () => option("checksum-fill", false),
  parse(options) {
    if (!options.flag("checksum-fill")) throw options.wrong("nothing to do");
    return { operation: FILL };
  },
});

/** `struct xt_classify_target_info { __u32 priority; };`, linux/netfilter/xt_CLASSIFY.h: a class of tc(8). */
const CLASSIFY_INFO = struct({ priority: u32 });

export const CLASSIFY = defineTarget({
  name: "CLASSIFY",
  decode: (info, revision) => (revision === 0 ? CLASSIFY_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: CLASSIFY_INFO.encode(value) }),
  apply: ({ priority }, packet) => ({
    next: NEXT,
    does: `set priority ${classText(priority)}`,
    packet: withPriority(packet, priority),
  }),
  words: ({ priority }) => option("set-class", false, classText(priority)),
  parse(options) {
    const [major = "", minor = ""] = options.must("set-class").value.split(":");
    const half = (text: string) => options.number(`0x${text}`, 0xffff);
    return { priority: ((half(major) << 16) | half(minor)) >>> 0 };
  },
});

const classText = (priority: number): string =>
  [priority >>> 16, priority & 0xffff].map((half) => half.toString(16).padStart(4, "0")).join(":");
