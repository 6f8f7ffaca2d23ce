/**
 * Targets that take a packet out of connection tracking, or out of the kernel's hands.
 * ```
 * struct xt_ct_target_info_v1 {                                     // linux/netfilter/xt_CT.h; revision 0 has no timeout
 *   __u16 flags, zone; __u32 ct_events, exp_events;
 *   char helper[16], timeout[32];
 *   struct nf_conn *ct;
 * };
 * struct xt_NFQ_info_v3 { __u16 queuenum, queues_total, flags; };   // linux/netfilter/xt_NFQUEUE.h; older ones are its beginning
 * struct xt_tproxy_target_info_v1 {                                 // linux/netfilter/xt_TPROXY.h
 *   __u32 mark_mask, mark_value; union nf_inet_addr laddr; __be16 lport;
 * };
 * ```
 */
import {
  be16,
  inetAddress,
  kernelPointer,
  struct,
  text,
  u16,
  u32,
} from "../../../../linux/xtables/struct.ts";
import { padded } from "../matches/inet-prefix.ts";
import { defineTarget } from "../types.ts";
import { hex, inet, option } from "../words.ts";

const CT_HEAD = { flags: u16, zone: u16, events: u32, expectations: u32, helper: text(16) };
const CT0 = struct({ ...CT_HEAD, ct: kernelPointer });
const CT1 = struct({ ...CT_HEAD, timeout: text(32), ct: kernelPointer });
const FLAG = { notrack: 1, alias: 2 };

export const CT = defineTarget({
  name: "CT",
  decode(info, revision) {
    if (revision === 1 || revision === 2) return CT1.decode(info);
    const old = revision === 0 ? CT0.decode(info) : undefined;
    return old && { ...old, timeout: "" };
  },
  encode: (value) => ({ revision: 2, info: CT1.encode(value) }),
  apply({ flags, zone }) {
    if (flags & FLAG.notrack) return { next: { do: "continue" }, does: "notrack", notrack: true };
    return { next: { do: "continue" }, does: zone ? `set ct zone ${zone}` : "set up tracking" };
  },
  alias: ({ flags }) => (flags & FLAG.alias ? "NOTRACK" : undefined),
  words({ flags, zone, helper, timeout }) {
    if (flags & FLAG.alias) return [];
    return [
      ...(flags & FLAG.notrack ? option("notrack", false) : []),
      ...(helper ? option("helper", false, helper) : []),
      ...(timeout ? option("timeout", false, timeout) : []),
      ...(zone ? option("zone", false, zone) : []),
    ];
  },
  parse(options) {
    const value = (name: string) => {
      const given = options.take(name);
      return given && options.valueOf(given);
    };
    return {
      flags: options.flag("notrack") ? FLAG.notrack : 0,
      zone: options.number(value("zone") ?? "0", 0xffff),
      events: 0,
      expectations: 0,
      helper: value("helper") ?? "",
      timeout: value("timeout") ?? "",
      ct: undefined,
    };
  },
});

/** Of its own until Linux 3.8, and another name of CT's since. */
export const NOTRACK = defineTarget({
  name: "NOTRACK",
  decode: () => ({}),
  encode: () => ({ revision: 0, info: new Uint8Array() }),
  apply: () => ({ next: { do: "continue" }, does: "notrack", notrack: true }),
  words: () => [],
  parse: () => ({}),
});

const NFQ0 = struct({ queue: u16 });
const NFQ1 = struct({ queue: u16, total: u16 });
const NFQ3 = struct({ queue: u16, total: u16, flags: u16 });
const BYPASS = 1;
const CPU_FANOUT = 2;

export const NFQUEUE = defineTarget({
  name: "NFQUEUE",
  decode(info, revision) {
    if (revision === 2 || revision === 3) return NFQ3.decode(info);
    const old = revision === 1 ? NFQ1.decode(info) : revision === 0 ? NFQ0.decode(info) : undefined;
    return old && { total: 1, ...old, flags: 0 };
  },
  encode: (value) => ({ revision: 3, info: NFQ3.encode(value) }),
  apply({ queue, total, flags }) {
    const text = total > 1 ? `queues ${queue} to ${queue + total - 1}` : `queue ${queue}`;
    const bypass = flags & BYPASS ? ", if one listens there" : "";
    return { next: { do: "elsewhere", how: `a program is asked, at ${text}${bypass}` }, does: text };
  },
  words: ({ queue, total, flags }) => [
    ...(total > 1
      ? option("queue-balance", false, `${queue}:${queue + total - 1}`)
      : option("queue-num", false, queue)),
    ...(flags & BYPASS ? option("queue-bypass", false) : []),
    ...(flags & CPU_FANOUT ? option("queue-cpu-fanout", false) : []),
  ],
  parse(options) {
    const balance = options.take("queue-balance");
    const single = options.take("queue-num");
    const given = balance ?? single;
    const [queue, last] = given ? options.range(options.valueOf(given)) : [0, 0];
    const flags =
      (options.flag("queue-bypass") ? BYPASS : 0) | (options.flag("queue-cpu-fanout") ? CPU_FANOUT : 0);
    return { queue, total: last - queue + 1, flags };
  },
});

const TPROXY1 = struct({ mask: u32, mark: u32, address: inetAddress, port: be16 });

export const TPROXY = defineTarget({
  name: "TPROXY",
  decode: (info, revision) => (revision === 1 ? TPROXY1.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: TPROXY1.encode(value) }),
  apply: ({ port }) => ({
    next: { do: "elsewhere", how: `a transparent proxy at port ${port} gets it` },
    does: `tproxy to :${port}`,
  }),
  words: ({ mask, mark, address, port }, family) => [
    ...option("on-port", false, port),
    ...option("on-ip", false, inet(address, family)),
    ...option("tproxy-mark", false, `${hex(mark)}/${hex(mask)}`),
  ],
  parse(options, family) {
    const port = options.number(options.must("on-port").value, 0xffff);
    const address = options.take("on-ip");
    const given = options.take("tproxy-mark");
    const { value, mask } = given ? options.masked(options.valueOf(given)) : { value: 0, mask: 0 };
    return {
      mask,
      mark: value,
      port,
      address: address ? padded(options.address(options.valueOf(address), family)) : new Uint8Array(16),
    };
  },
});
