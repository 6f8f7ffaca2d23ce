/**
 * How IPv4's and IPv6's entries lie in memory, linux/netfilter_ipv4/ip_tables.h and linux/netfilter_ipv6/ip6_tables.h.
 * Pointers have 64 bits and numbers the machine's order: the layout that a 64-bit program is told.
 * ```
 * struct ipt_ip {                              struct ip6t_ip6 {
 *   struct in_addr src, dst;                     struct in6_addr src, dst;
 *   struct in_addr smsk, dmsk;                   struct in6_addr smsk, dmsk;
 *   char iniface[16], outiface[16];              char iniface[16], outiface[16];
 *   unsigned char iniface_mask[16];              unsigned char iniface_mask[16];
 *   unsigned char outiface_mask[16];             unsigned char outiface_mask[16];
 *   __u16 proto;                                 __u16 proto;
 *                                                __u8 tos;
 *   __u8 flags;                                  __u8 flags;
 *   __u8 invflags;                               __u8 invflags;
 * };                                           };
 * struct ipt_entry {                           struct ip6t_entry {
 *   struct ipt_ip ip;                            struct ip6t_ip6 ipv6;
 *   unsigned int nfcache;                        unsigned int nfcache;
 *   __u16 target_offset;                         __u16 target_offset;
 *   __u16 next_offset;                           __u16 next_offset;
 *   unsigned int comefrom;                       unsigned int comefrom;
 *   struct xt_counters { __u64 pcnt, bcnt; };    struct xt_counters { __u64 pcnt, bcnt; };
 *   unsigned char elems[0];                      unsigned char elems[0];
 * };                                           };
 * ```
 */
import type { Family } from "../../lib/ip.ts";

export interface EntryLayout {
  readonly addressSize: number;
  /** Offsets from the entry's beginning. */
  readonly source: number;
  readonly destination: number;
  readonly sourceMask: number;
  readonly destinationMask: number;
  readonly inName: number;
  readonly outName: number;
  readonly inMask: number;
  readonly outMask: number;
  readonly protocol: number;
  readonly flags: number;
  readonly inverted: number;
  readonly targetOffset: number;
  readonly nextOffset: number;
  readonly counters: number;
  /** Where matches begin. */
  readonly size: number;
  readonly F_FRAG: number;
  readonly F_GOTO: number;
}

const IPV4: EntryLayout = {
  addressSize: 4,
  source: 0,
  destination: 4,
  sourceMask: 8,
  destinationMask: 12,
  inName: 16,
  outName: 32,
  inMask: 48,
  outMask: 64,
  protocol: 80,
  flags: 82,
  inverted: 83,
  targetOffset: 88,
  nextOffset: 90,
  counters: 96,
  size: 112,
  F_FRAG: 1,
  F_GOTO: 2,
};

const IPV6: EntryLayout = {
  addressSize: 16,
  source: 0,
  destination: 16,
  sourceMask: 32,
  destinationMask: 48,
  inName: 64,
  outName: 80,
  inMask: 96,
  outMask: 112,
  protocol: 128,
  flags: 131,
  inverted: 132,
  targetOffset: 140,
  nextOffset: 142,
  counters: 152,
  size: 168,
  // IP6T_F_PROTO is 1, IP6T_F_TOS 2: a rule has no word for fragments, `-m frag` has.
  F_FRAG: 0,
  F_GOTO: 4,
};

export const layoutOf = (family: Family): EntryLayout => (family === 4 ? IPV4 : IPV6);

/** IPT_INV_*, IP6T_INV_*. */
export const INVERTED = {
  in: 0x01,
  out: 0x02,
  source: 0x08,
  destination: 0x10,
  fragment: 0x20,
  protocol: 0x40,
};

/**
 * ```
 * struct xt_entry_match, xt_entry_target {
 *   struct { __u16 size; char name[29]; __u8 revision; } u.user;   // size counts this header too
 *   unsigned char data[];
 * };
 * struct xt_standard_target { struct xt_entry_target target; int verdict; };
 * struct xt_error_target    { struct xt_entry_target target; char errorname[30]; };
 * ```
 */
export const EXTENSION = { size: 0, name: 2, nameSize: 29, revision: 31, data: 32 };

/** `-NF_DROP - 1` and its like: what a standard target says where it does not jump. */
export const VERDICTS: ReadonlyMap<number, "drop" | "accept" | "queue" | "return"> = new Map([
  [-1, "drop"],
  [-2, "accept"],
  [-4, "queue"],
  [-5, "return"],
]);

/** NF_INET_*, linux/netfilter.h, in their order. */
export const HOOKS = ["prerouting", "input", "forward", "output", "postrouting"] as const;
