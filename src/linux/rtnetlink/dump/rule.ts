/**
 * Rules of the routing policy database, ip-rule(8), linux/fib_rules.h:
 * ```c
 * struct fib_rule_hdr {
 *   __u8 family, dst_len, src_len, tos;
 *   __u8 table, res1, res2, action;   // FRA_TABLE has numbers above 255; FR_ACT_*
 *   __u32 flags;                      // FIB_RULE_*
 * };
 * struct fib_rule_uid_range { __u32 start, end; };
 * struct fib_rule_port_range { __u16 start, end; };
 * ```
 */
import { type Family, type Prefix, widthOf } from "../../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";
import { familyOf } from "../family.ts";

const RTM_GETRULE = 34;
const FIB_RULE_HDR_SIZE = 12;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

const FR_ACT_TO_TBL = 1;
const FR_ACT_GOTO = 2;
const FIB_RULE_INVERT = 2;
/** FRA_SUPPRESS_PREFIXLEN of a rule that suppresses nothing. */
const NO_LENGTH = 0xffffffff;

const ENDINGS: Readonly<Record<number, "blackhole" | "unreachable" | "prohibit">> = {
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
};

/** A rule of the routing policy database, ip-rule(8). */
export interface PolicyRule {
  readonly family: Family;
  readonly priority: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly tos?: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly in?: string;
  readonly out?: string;
  readonly protocol?: number;
  readonly sourcePorts?: readonly [number, number];
  readonly destinationPorts?: readonly [number, number];
  readonly uids?: readonly [number, number];
  /** FIB_RULE_INVERT. */
  readonly not: boolean;
  /** The routes of link devices alone: l3mdev. */
  readonly vrf: boolean;
  readonly suppressPrefixLength?: number;
  readonly action:
    | { readonly do: "table"; readonly table: number }
    | { readonly do: "goto"; readonly priority: number }
    | { readonly do: "blackhole" | "unreachable" | "prohibit" | "nop" };
}

const fields = new Fields();

/** The rule that an RTM_NEWRULE tells of, or undefined where it is of another family or broken. */
export function readPolicyRule(payload: Uint8Array): PolicyRule | undefined {
  if (payload.length < FIB_RULE_HDR_SIZE) return undefined;
  const family = familyOf(payload[0]);
  if (!family) return undefined;
  fields.of(payload, FIB_RULE_HDR_SIZE);
  const from = readPrefix(family, FRA_SRC, payload[2] ?? 0);
  const to = readPrefix(family, FRA_DST, payload[1] ?? 0);
  const tos = payload[3];
  const [value, mask] = [fields.u32(FRA_FWMARK), fields.u32(FRA_FWMASK)];
  const marked = value !== undefined || mask !== undefined;
  const [incoming, outgoing] = [fields.text(FRA_IIFNAME), fields.text(FRA_OIFNAME)];
  const protocol = fields.u8(FRA_IP_PROTO);
  const sourcePorts = readRange(fields.bytes(FRA_SPORT_RANGE), 2);
  const destinationPorts = readRange(fields.bytes(FRA_DPORT_RANGE), 2);
  const uids = readRange(fields.bytes(FRA_UID_RANGE), 4);
  const suppress = fields.u32(FRA_SUPPRESS_PREFIXLEN);
  return {
    family,
    priority: fields.u32(FRA_PRIORITY) ?? 0,
    ...(from && { from }),
    ...(to && { to }),
    ...(tos && { tos }),
    ...(marked && { mark: { value: value ?? 0, mask: mask ?? 0xffffffff } }),
    ...(incoming !== undefined && { in: incoming }),
    ...(outgoing !== undefined && { out: outgoing }),
    ...(protocol && { protocol }),
    ...(sourcePorts && { sourcePorts }),
    ...(destinationPorts && { destinationPorts }),
    ...(uids && { uids }),
    not: (viewOf(payload).getUint32(8, LITTLE_ENDIAN) & FIB_RULE_INVERT) !== 0,
    vrf: fields.u8(FRA_L3MDEV) === 1,
    ...(suppress !== undefined && suppress !== NO_LENGTH && { suppressPrefixLength: suppress }),
    action: readAction(payload[7] ?? 0, payload[4] ?? 0),
  };
}

function readPrefix(family: Family, type: number, length: number): Prefix | undefined {
  const address = length <= widthOf(family) ? fields.address(type, family) : undefined;
  return address && { address, length };
}

function readRange(bytes: Uint8Array | undefined, size: 2 | 4): [number, number] | undefined {
  if (bytes?.length !== 2 * size) return undefined;
  const view = viewOf(bytes);
  return size === 2
    ? [view.getUint16(0, LITTLE_ENDIAN), view.getUint16(2, LITTLE_ENDIAN)]
    : [view.getUint32(0, LITTLE_ENDIAN), view.getUint32(4, LITTLE_ENDIAN)];
}

function readAction(action: number, table: number): PolicyRule["action"] {
  if (action === FR_ACT_TO_TBL) return { do: "table", table: fields.u32(FRA_TABLE) ?? table };
  if (action === FR_ACT_GOTO) return { do: "goto", priority: fields.u32(FRA_GOTO) ?? 0 };
  return { do: ENDINGS[action] ?? "nop" };
}

/** Ask for all rules: for `NetlinkSocket.dump`. */
export const askRules = (what: string): Request => ({
  what,
  type: RTM_GETRULE,
  body: (to) => to.zeros(FIB_RULE_HDR_SIZE),
});
