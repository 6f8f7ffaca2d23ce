/** Why a packet ends, for people who don't know the kernel. */
import type { Namespace } from "../../observe/types.ts";
import type { HookName, HookVerdict } from "../firewall/types.ts";
import type { DropReason, RuleRef } from "../types.ts";

type Refusal = Exclude<HookVerdict, { readonly do: "accept" }>;

const WHEN: Readonly<Record<HookName, string>> = {
  ingress: "as soon as it comes in",
  prerouting: "before it is routed",
  input: "before it is delivered",
  forward: "while it is forwarded",
  output: "as it is sent",
  postrouting: "before it leaves",
  egress: "as it leaves",
};

/** `chain forward of table inet drawbridge`. */
const chainOf = (rule: RuleRef): string =>
  rule.in === "nft"
    ? `chain ${rule.chain} of table ${rule.family} ${rule.table}`
    : `chain ${rule.chain} of iptables' table ${rule.table}`;

const isPolicy = (rule: RuleRef): boolean =>
  rule.in === "nft" ? rule.handle === undefined : rule.number === undefined;

export function droppedBy(namespace: Namespace, hook: HookName, label: string, verdict: Refusal): DropReason {
  const { by: rule } = verdict;
  const when = `${WHEN[hook]} (${hook}${label ? `, ${label}` : ""})`;
  const text = isPolicy(rule)
    ? `no rule of ${chainOf(rule)} in ${namespace.name} accepts it, and the chain's policy is to drop it ${when}`
    : `a rule in ${chainOf(rule)} in ${namespace.name} drops it ${when}`;
  return { code: "rule", text, rule };
}

export const rejected = (reason: DropReason, how: string): DropReason => ({
  ...reason,
  text: `${reason.text.replace(" drops it ", " rejects it ")}: the sender is told ${how}`,
});

/** Of what answers. */
export const lost = (reason: DropReason): DropReason => ({
  ...reason,
  code: "reply-lost",
  text:
    reason.code === "reply-lost" ? reason.text : `the packet arrives, but its answer is lost: ${reason.text}`,
});

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
