/** All matches that are known here. A new one is one file, and one line. */
import { defineOpaque, type MatchKind } from "../types.ts";
import { addrtype } from "./addrtype.ts";
import { dscp, hl, length, tos, ttl } from "./bytes.ts";
import { comment } from "./comment.ts";
import { connlimit } from "./connlimit.ts";
import { conntrack, state } from "./conntrack.ts";
import { HEADERS6 } from "./headers6.ts";
import { icmp, icmp6 } from "./icmp.ts";
import { iprange } from "./iprange.ts";
import { limit } from "./limit.ts";
import { mac } from "./mac.ts";
import { connmark, mark } from "./mark.ts";
import { multiport } from "./multiport.ts";
import { owner } from "./owner.ts";
import { physdev } from "./physdev.ts";
import { pkttype } from "./pkttype.ts";
import { rpfilter } from "./rpfilter.ts";
import { set } from "./set.ts";
import { statistic } from "./statistic.ts";
import { tcp } from "./tcp.ts";
import { udp } from "./udp.ts";
import { UNDECIDED } from "./undecided.ts";

export const MATCHES: readonly MatchKind[] = [
  tcp,
  udp,
  icmp,
  icmp6,
  conntrack,
  state,
  addrtype,
  comment,
  mark,
  connmark,
  multiport,
  iprange,
  physdev,
  mac,
  pkttype,
  limit,
  statistic,
  connlimit,
  set,
  owner,
  rpfilter,
  ttl,
  hl,
  length,
  dscp,
  tos,
  ...HEADERS6,
  ...UNDECIDED,
  // They ask for a time, for what came before, or for more of the packet than is told.
  ...["string", "u32", "bpf", "time", "quota", "connbytes"].map((name) => defineOpaque(name)),
];
