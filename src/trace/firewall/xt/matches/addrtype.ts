/**
 * What kind of address it is: as the local routing tables have it.
 * ```
 * struct xt_addrtype_info    { __u16 source, dest; __u32 invert_source, invert_dest; };   // linux/netfilter/xt_addrtype.h
 * struct xt_addrtype_info_v1 { __u16 source, dest; __u32 flags; };
 * ```
 */
import { struct, u16, u32 } from "../../../../linux/xtables/struct.ts";
import { addressOf } from "../look.ts";
import type { Option, Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const INFO0 = struct({ source: u16, destination: u16, invertSource: u32, invertDestination: u32 });
const INFO1 = struct({ source: u16, destination: u16, flags: u32 });
/** XT_ADDRTYPE_*. */
const FLAG = { notSource: 1, notDestination: 2, limitIn: 4, limitOut: 8 };
/** Bits of RTN_*. */
const TYPES = [
  "UNSPEC",
  "UNICAST",
  "LOCAL",
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
  "BLACKHOLE",
  "UNREACHABLE",
  "PROHIBIT",
  "THROW",
  "NAT",
  "XRESOLVE",
];

export const addrtype = defineMatch({
  name: "addrtype",
  decode(info, revision) {
    if (revision === 1) return INFO1.decode(info);
    const old = revision === 0 ? INFO0.decode(info) : undefined;
    if (!old) return undefined;
    const { source, destination, invertSource, invertDestination } = old;
    const flags = (invertSource ? FLAG.notSource : 0) | (invertDestination ? FLAG.notDestination : 0);
    return { source, destination, flags };
  },
  encode: (value) => ({ revision: 1, info: INFO1.encode(value) }),
  matches({ source, destination, flags }, packet, { routes, in: into, out }) {
    const on = flags & FLAG.limitIn ? into : flags & FLAG.limitOut ? out : undefined;
    const is = (types: number, which: "source" | "destination", not: number) =>
      types === 0 ||
      ((types & (1 << routes.addressType(addressOf(packet, which), on))) !== 0) !== ((flags & not) !== 0);
    return is(source, "source", FLAG.notSource) && is(destination, "destination", FLAG.notDestination);
  },
  words: ({ source, destination, flags }) => [
    ...(source ? option("src-type", (flags & FLAG.notSource) !== 0, typeNames(source)) : []),
    ...(destination ? option("dst-type", (flags & FLAG.notDestination) !== 0, typeNames(destination)) : []),
    ...(flags & FLAG.limitIn ? option("limit-iface-in", false) : []),
    ...(flags & FLAG.limitOut ? option("limit-iface-out", false) : []),
  ],
  parse(options) {
    const source = options.take("src-type");
    const destination = options.take("dst-type");
    return {
      source: typeBits(options, source),
      destination: typeBits(options, destination),
      flags:
        (source?.not ? FLAG.notSource : 0) |
        (destination?.not ? FLAG.notDestination : 0) |
        (options.flag("limit-iface-in") ? FLAG.limitIn : 0) |
        (options.flag("limit-iface-out") ? FLAG.limitOut : 0),
    };
  },
});

const typeNames = (bits: number): string => TYPES.filter((_, bit) => bits & (1 << bit)).join(",");

function typeBits(options: Options, given: Option | undefined): number {
  if (!given) return 0;
  return options
    .valueOf(given)
    .split(",")
    .reduce((bits, name) => {
      const bit = TYPES.indexOf(name.toUpperCase());
      if (bit < 0) throw options.wrong(`${name} is no type of address`);
      return bits | (1 << bit);
    }, 0);
}
