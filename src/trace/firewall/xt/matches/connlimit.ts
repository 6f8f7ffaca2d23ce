/**
 * How many connections there are from, or to, a network: linux/netfilter/xt_connlimit.h.
 * ```
 * struct xt_connlimit_info {
 *   union { union nf_inet_addr mask; };
 *   unsigned int limit;
 *   __u32 flags;                                                    // XT_CONNLIMIT_*
 *   struct nf_conncount_data *data;
 * };
 * ```
 */
import { widthOf } from "../../../../lib/ip.ts";
import { inetAddress, kernelPointer, struct, u32 } from "../../../../linux/xtables/struct.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";
import { lengthOfMask, maskOf } from "./inet-prefix.ts";

const INFO = struct({ mask: inetAddress, limit: u32, flags: u32, data: kernelPointer });
const FLAG = { upTo: 1, destination: 2 };

export const connlimit = defineMatch({
  name: "connlimit",
  decode: (info, revision) => (revision === 1 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: INFO.encode(value) }),
  matches: () => "unknown",
  words: ({ mask, limit, flags }, family) => [
    ...option(flags & FLAG.upTo ? "connlimit-upto" : "connlimit-above", false, limit),
    ...option("connlimit-mask", false, lengthOfMask(mask, family)),
    ...option(flags & FLAG.destination ? "connlimit-daddr" : "connlimit-saddr", false),
  ],
  parse(options, family) {
    const above = options.take("connlimit-above");
    const upTo = options.take("connlimit-upto");
    const given = above ?? upTo;
    if (!given) throw options.wrong("no limit");
    const mask = options.take("connlimit-mask");
    const destination = options.flag("connlimit-daddr");
    options.take("connlimit-saddr");
    const inverts = (upTo !== undefined) !== given.not;
    return {
      mask: maskOf(mask ? options.number(options.valueOf(mask), widthOf(family)) : 128),
      limit: options.number(options.valueOf(given)),
      flags: (inverts ? FLAG.upTo : 0) | (destination ? FLAG.destination : 0),
      data: undefined,
    };
  },
});
