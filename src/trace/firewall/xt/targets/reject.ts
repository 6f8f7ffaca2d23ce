/**
 * A drop that is told to the sender.
 * ```
 * struct ipt_reject_info  { enum ipt_reject_with with; };           // linux/netfilter_ipv4/ipt_REJECT.h
 * struct ip6t_reject_info { __u32 with; };                          // linux/netfilter_ipv6/ip6t_REJECT.h
 * ```
 */
import { struct, u32 } from "../../../../linux/xtables/struct.ts";
import { defineTarget } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({ with: u32 });
/** IPT_ICMP_* and IP6T_ICMP6_*, by their numbers. */
const WITH = {
  4: [
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-proto-unreachable",
    "icmp-port-unreachable",
    "echo-reply",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "tcp-reset",
    "icmp-admin-prohibited",
  ],
  6: [
    "icmp6-no-route",
    "icmp6-adm-prohibited",
    "icmp6-not-neighbour",
    "icmp6-addr-unreachable",
    "icmp6-port-unreachable",
    "echo-reply",
    "tcp-reset",
    "icmp6-policy-fail",
    "icmp6-reject-route",
  ],
} as const;
const USUAL = { 4: 3, 6: 4 } as const;

export const REJECT = defineTarget({
  name: "REJECT",
  decode(info, revision, family) {
    const value = revision === 0 ? INFO.decode(info) : undefined;
    const answer = value && WITH[family][value.with];
    return answer === undefined ? undefined : { with: value?.with ?? 0, answer };
  },
  encode: (value) => ({ revision: 0, info: INFO.encode(value) }),
  apply: ({ answer }) => {
    const said = answer === "tcp-reset" ? "tcp reset" : answer;
    return { next: { do: "reject", with: said }, does: `reject with ${said}` };
  },
  words: ({ answer }) => option("reject-with", false, answer),
  parse(options, family) {
    const given = options.take("reject-with");
    const names: readonly string[] = WITH[family];
    const number = given ? names.indexOf(options.valueOf(given)) : USUAL[family];
    const answer = WITH[family][number];
    if (answer === undefined) throw options.wrong(`no such answer: ${given?.args.join(" ")}`);
    return { with: number, answer };
  },
});
