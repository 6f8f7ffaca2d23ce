/**
 * What connection tracking says: linux/netfilter/xt_conntrack.h. Revision 1 has masks of eight bits, 3 ranges of ports in
 * the machine's order.
 * ```
 * struct xt_conntrack_mtinfo3 {
 *   union nf_inet_addr origsrc_addr, origsrc_mask, origdst_addr, origdst_mask;
 *   union nf_inet_addr replsrc_addr, replsrc_mask, repldst_addr, repldst_mask;
 *   __u32 expires_min, expires_max;
 *   __u16 l4proto;
 *   __u16 origsrc_port, origdst_port, replsrc_port, repldst_port;
 *   __u16 match_flags, invert_flags;
 *   __u16 state_mask, status_mask;
 *   __u16 origsrc_port_high, origdst_port_high, replsrc_port_high, repldst_port_high;
 * };
 * ```
 */
import { array, be16, inetAddress, struct, u8, u16, u32 } from "../../../../linux/xtables/struct.ts";
import type { ConnectionView } from "../../types.ts";
import { type Answer, defineMatch } from "../types.ts";
import { option } from "../words.ts";
import { type Conntrack, FLAG, namesOf, SIDES, STATE } from "./conntrack-value.ts";
import { conntrackWords, parseConntrack } from "./conntrack-words.ts";

/** Four times an address and its mask, in the order of SIDES. */
const HEAD = {
  addresses: array(inetAddress, 8),
  expires: array(u32, 2),
  protocol: u16,
};
const BITS = { flags: u16, inverted: u16 };
const MTINFO1 = struct({ ...HEAD, ports: array(be16, 4), ...BITS, state: u8, status: u8 });
const MTINFO2 = struct({ ...HEAD, ports: array(be16, 4), ...BITS, state: u16, status: u16 });
const MTINFO3 = struct({
  ...HEAD,
  ports: array(u16, 4),
  ...BITS,
  state: u16,
  status: u16,
  highPorts: array(u16, 4),
});

const IPS_SRC_NAT = 1 << 4;
const IPS_DST_NAT = 1 << 5;

function decode(info: Uint8Array, revision: number): Conntrack | undefined {
  if (revision === 3) return MTINFO3.decode(info);
  const old = (revision === 2 ? MTINFO2 : revision === 1 ? MTINFO1 : undefined)?.decode(info);
  return old && { ...old, highPorts: old.ports };
}

export const conntrack = defineMatch({
  name: "conntrack",
  decode,
  encode: (value) => ({ revision: 3, info: MTINFO3.encode(value) }),
  matches: (asked, _, { connection }) => asks(asked, connection),
  words: conntrackWords,
  alias: ({ flags }) => (flags & FLAG.stateAlias ? "state" : undefined),
  parse: parseConntrack,
});

/** conntrack_mt of net/netfilter/xt_conntrack.c, in its order. */
function asks(asked: Conntrack, connection: ConnectionView | undefined): Answer {
  const wants = (flag: number) => (asked.flags & flag) !== 0;
  const not = (flag: number) => (asked.inverted & flag) !== 0;
  if (wants(FLAG.state) && ((asked.state & stateBits(connection)) !== 0) === not(FLAG.state)) return false;
  // Of what has no connection nothing but its state is asked.
  const tracked = connection && connection.state !== "untracked" && connection.state !== "invalid";
  if (!tracked) return wants(FLAG.state);
  if (wants(FLAG.direction) && (connection.direction === "original") === not(FLAG.direction)) return false;
  if (SIDES.some((side, i) => wants(side.address) && sameAddress(asked, connection, i) === not(side.address)))
    return false;
  if (wants(FLAG.protocol) && (asked.protocol === connection.original.protocol) === not(FLAG.protocol))
    return false;
  if (SIDES.some((side, i) => wants(side.port) && samePort(asked, connection, i) === not(side.port)))
    return false;
  if (wants(FLAG.status) && ((asked.status & connection.status) !== 0) === not(FLAG.status)) return false;
  return wants(FLAG.expires) ? "unknown" : true;
}

/** What has no connection is `invalid`, and so is what was met before tracking. */
function stateBits(connection: ConnectionView | undefined): number {
  if (!connection) return STATE.INVALID;
  const { state, status } = connection;
  if (state === "untracked") return STATE.UNTRACKED;
  if (state === "invalid") return STATE.INVALID;
  const translated = (status & IPS_SRC_NAT ? STATE.SNAT : 0) | (status & IPS_DST_NAT ? STATE.DNAT : 0);
  return translated | STATE[state.toUpperCase() as "NEW" | "ESTABLISHED" | "RELATED"];
}

function tupleSide({ original, reply }: ConnectionView, index: number) {
  const tuple = index < 2 ? original : reply;
  return index % 2 === 0
    ? { address: tuple.source, port: tuple.sourcePort }
    : { address: tuple.destination, port: tuple.destinationPort };
}

function sameAddress({ addresses }: Conntrack, connection: ConnectionView, index: number): boolean {
  const [address, mask] = [addresses[2 * index], addresses[2 * index + 1]];
  return tupleSide(connection, index).address.every(
    (byte, i) => ((byte ^ (address?.[i] ?? 0)) & (mask?.[i] ?? 0)) === 0,
  );
}

function samePort({ ports, highPorts }: Conntrack, connection: ConnectionView, index: number): boolean {
  const { port } = tupleSide(connection, index);
  return port >= (ports[index] ?? 0) && port <= (highPorts[index] ?? 0);
}

/** The match that `state` was before it became conntrack's: `struct xt_state_info { unsigned int statemask; };`. */
const STATE_INFO = struct({ states: u32 });

export const state = defineMatch({
  name: "state",
  decode: (info, revision) => (revision === 0 ? STATE_INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: STATE_INFO.encode(value) }),
  matches: ({ states }, _, { connection }) => (states & stateBits(connection)) !== 0,
  words: ({ states }) => option("state", false, namesOf(states, STATE)),
  parse: (options, family) => ({ states: parseConntrack(options, family).state }),
});
