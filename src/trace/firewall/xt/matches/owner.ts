/**
 * Whose socket sends it. What is forwarded, or answered by the kernel itself, has none.
 * ```
 * struct xt_owner_match_info {                                      // linux/netfilter/xt_owner.h
 *   __u32 uid_min, uid_max, gid_min, gid_max;
 *   __u8 match, invert;                                             // XT_OWNER_*
 * };
 * ```
 */
import { struct, u8, u32 } from "../../../../linux/xtables/struct.ts";
import type { Option, Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option, range } from "../words.ts";

const INFO = struct({ uidMin: u32, uidMax: u32, gidMin: u32, gidMax: u32, match: u8, invert: u8 });
const WHAT = { uid: 1, gid: 2, socket: 4, supplementary: 8 };

export const owner = defineMatch({
  name: "owner",
  decode: (info, revision) => (revision === 1 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: INFO.encode(value) }),
  /** owner_mt of net/netfilter/xt_owner.c. */
  matches({ match, invert, uidMin, uidMax, gidMin, gidMax }, _, { owner }) {
    const wants = (bit: number) => (match & bit) !== 0;
    const not = (bit: number) => (invert & bit) !== 0;
    if (!owner) return match === invert;
    if (wants(WHAT.socket) && not(WHAT.socket)) return false;
    const { uid, gid } = owner;
    if (wants(WHAT.uid) && (uid >= uidMin && uid <= uidMax) === not(WHAT.uid)) return false;
    if (!wants(WHAT.gid)) return true;
    if (gid >= gidMin && gid <= gidMax) return !not(WHAT.gid);
    // Supplementary groups are not told.
    return wants(WHAT.supplementary) ? "unknown" : not(WHAT.gid);
  },
  words({ match, invert, uidMin, uidMax, gidMin, gidMax }) {
    const words = (bit: number, name: string, ...values: readonly string[]) =>
      match & bit ? option(name, (invert & bit) !== 0, ...values) : [];
    return [
      ...words(WHAT.socket, "socket-exists"),
      ...words(WHAT.uid, "uid-owner", range(uidMin, uidMax, "-")),
      ...words(WHAT.gid, "gid-owner", range(gidMin, gidMax, "-")),
      ...(match & WHAT.supplementary ? option("suppl-groups", false) : []),
    ];
  },
  parse(options) {
    const socket = options.take("socket-exists");
    const uid = options.take("uid-owner");
    const gid = options.take("gid-owner");
    const supplementary = options.take("suppl-groups");
    const [uidMin, uidMax] = ids(options, uid);
    const [gidMin, gidMax] = ids(options, gid);
    const sum = (of: (given: Option | undefined) => boolean) =>
      (of(uid) ? WHAT.uid : 0) | (of(gid) ? WHAT.gid : 0) | (of(socket) ? WHAT.socket : 0);
    return {
      uidMin,
      uidMax,
      gidMin,
      gidMax,
      match: sum((given) => given !== undefined) | (supplementary ? WHAT.supplementary : 0),
      invert: sum((given) => given?.not === true),
    };
  },
});

const ids = (options: Options, given: Option | undefined): [number, number] =>
  given ? options.range(options.valueOf(given), 0xffffffff, "-") : [0, 0];
