/** All targets that are known here, beside jumps and verdicts. A new one is one file, and one line. */
import { defineQuiet, type TargetKind } from "../types.ts";
import { CT, NFQUEUE, NOTRACK, TPROXY } from "./aside.ts";
import { CHECKSUM, CLASSIFY, DSCP, HL, TCPMSS, TOS, TTL } from "./header.ts";
import { LOG, NFLOG, TRACE } from "./log.ts";
import { CONNMARK, MARK } from "./mark.ts";
import { DNAT, MASQUERADE, NETMAP, REDIRECT, SNAT } from "./nat.ts";
import { REJECT } from "./reject.ts";

export const TARGETS: readonly TargetKind[] = [
  SNAT,
  DNAT,
  MASQUERADE,
  REDIRECT,
  NETMAP,
  REJECT,
  LOG,
  NFLOG,
  TRACE,
  MARK,
  CONNMARK,
  TTL,
  HL,
  DSCP,
  TOS,
  TCPMSS,
  CHECKSUM,
  CLASSIFY,
  CT,
  NOTRACK,
  NFQUEUE,
  TPROXY,
  // They note something, somewhere, and let the packet pass on: an ipset, the security mark, an audit record.
  ...[
    "SET",
    "AUDIT",
    "SECMARK",
    "CONNSECMARK",
    "RATEEST",
    "IDLETIMER",
    "LED",
    "TEE",
    "ECN",
    "TCPOPTSTRIP",
  ].map((name) => defineQuiet(name)),
];
