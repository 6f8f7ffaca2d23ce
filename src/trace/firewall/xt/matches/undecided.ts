/** Matches that can be told, and not decided: they ask for what came before, or for sockets and helpers of the moment. */
import type { Family } from "../../../../lib/ip.ts";
import { inetAddress, struct, text, u8, u32, u64 } from "../../../../linux/xtables/struct.ts";
import { type Answer, defineOpaque, type MatchKind } from "../types.ts";
import { inet, option, quoted } from "../words.ts";
import { rateText } from "./limit.ts";

/** Out of text, such a match stays its words. */
const define = (
  name: string,
  words: (info: Uint8Array, revision: number, family: Family) => readonly string[] | undefined,
  answer: (words: readonly string[]) => Answer = () => "unknown",
): MatchKind => ({
  ...defineOpaque(name),
  prepare({ written, info, revision }, family) {
    const all = written ?? [name, ...(words(info, revision, family) ?? [])];
    return { words: () => all, matches: () => answer(all) };
  },
});

/**
 * ```
 * struct xt_recent_mtinfo_v1 {                                      // linux/netfilter/xt_recent.h; revision 0 has no mask
 *   __u32 seconds, hit_count; __u8 check_set, invert;
 *   char name[200]; __u8 side; union nf_inet_addr mask;
 * };
 * ```
 */
const RECENT0 = { seconds: u32, hits: u32, what: u8, invert: u8, name: text(200), side: u8 };
const RECENT = [struct(RECENT0), struct({ ...RECENT0, mask: inetAddress })] as const;
const RECENT_DOES = { rcheck: 1, set: 2, update: 4, remove: 8 } as const;
const RECENT_TTL = 16;
const RECENT_REAP = 32;

function recentWords(info: Uint8Array, revision: number, family: Family): readonly string[] | undefined {
  const value = RECENT[0].decode(info);
  const mask = revision === 1 ? RECENT[1].decode(info)?.mask : undefined;
  if (!value || revision > 1) return undefined;
  const { what, seconds, hits, name, side, invert } = value;
  const does = Object.entries(RECENT_DOES).find(([, bit]) => what & bit)?.[0] ?? "rcheck";
  return [
    ...option(does, invert !== 0),
    ...(seconds ? option("seconds", false, seconds) : []),
    ...(what & RECENT_REAP ? option("reap", false) : []),
    ...(hits ? option("hitcount", false, hits) : []),
    ...(what & RECENT_TTL ? option("rttl", false) : []),
    ...option("name", false, quoted(name)),
    ...(mask ? option("mask", false, inet(mask, family)) : []),
    ...option(side === 0 ? "rsource" : "rdest", false),
  ];
}

/** `--set` writes down who it was, and always matches. */
const recent = define("recent", recentWords, (words) =>
  words.includes("--set") ? !words.includes("!") : "unknown",
);

/** `struct xt_socket_mtinfo1 { __u8 flags; };`, linux/netfilter/xt_socket.h; revision 0 has nothing. */
const SOCKET = struct({ flags: u8 });
const SOCKET_FLAGS = ["transparent", "nowildcard", "restore-skmark"];

const socket = define("socket", (info, revision) =>
  revision === 0
    ? []
    : SOCKET_FLAGS.flatMap((name, bit) =>
        (SOCKET.decode(info)?.flags ?? 0) & (1 << bit) ? option(name, false) : [],
      ),
);

/** `struct xt_helper_info { int invert; char name[30]; };`, linux/netfilter/xt_helper.h. */
const HELPER = struct({ invert: u32, name: text(30) });

const helper = define("helper", (info) => {
  const value = HELPER.decode(info);
  return value && option("helper", value.invert !== 0, quoted(value.name));
});

/**
 * ```
 * struct xt_hashlimit_mtinfo3 {                                     // linux/netfilter/xt_hashlimit.h
 *   char name[255];
 *   struct hashlimit_cfg3 {
 *     __u64 avg, burst; __u32 mode, size, max, gc_interval, expire, interval; __u8 srcmask, dstmask;
 *   } cfg;
 *   struct xt_hashlimit_htable *hinfo;
 * };
 * ```
 */
const HASHLIMIT = struct({
  name: text(255),
  period: u64,
  burst: u64,
  mode: u32,
  size: u32,
  max: u32,
  gcInterval: u32,
  expire: u32,
  interval: u32,
  sourceLength: u8,
  destinationLength: u8,
});
/** XT_HASHLIMIT_*, in the order in which iptables-save(8) writes them. */
const HASHED = { srcip: 4, srcport: 8, dstip: 1, dstport: 2 } as const;
const HASHLIMIT_INVERT = 16;
const HASHLIMIT_BYTES = 32;
const HASHLIMIT_SCALE = 1_000_000;
const USUAL_BURST = 5n;

const hashlimit = define("hashlimit", (info, revision, family) => {
  const value = revision === 3 ? HASHLIMIT.decode(info) : undefined;
  if (!value) return undefined;
  const { period, burst, mode, name, sourceLength, destinationLength } = value;
  const hashed = Object.entries(HASHED).filter(([, bit]) => mode & bit);
  const which = `hashlimit-${mode & HASHLIMIT_INVERT ? "above" : "upto"}`;
  const width = family === 4 ? 32 : 128;
  return [
    // Rates of bytes are kept in steps of sixteen, and what was written is not known any more.
    ...(mode & HASHLIMIT_BYTES ? [] : option(which, false, rateText(Number(period), HASHLIMIT_SCALE))),
    ...(mode & HASHLIMIT_BYTES || burst === USUAL_BURST ? [] : option("hashlimit-burst", false, `${burst}`)),
    ...(hashed.length > 0 ? option("hashlimit-mode", false, hashed.map(([each]) => each).join(",")) : []),
    ...option("hashlimit-name", false, quoted(name)),
    ...(sourceLength === width ? [] : option("hashlimit-srcmask", false, sourceLength)),
    ...(destinationLength === width ? [] : option("hashlimit-dstmask", false, destinationLength)),
  ];
});

export const UNDECIDED: readonly MatchKind[] = [recent, socket, helper, hashlimit];
