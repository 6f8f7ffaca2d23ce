/** The routing policy database: fib_rules_lookup (net/core/fib_rules.c), fib4_rule_action, fib6_rule_action. */
import type { Family } from "../../../lib/ip.ts";
import { contains } from "../../../lib/ip.ts";
import { memoBy } from "../../../lib/memo.ts";
import { RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { linkAt, placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedRoute, PolicyRule } from "../../../observe/types.ts";
import type { Lookup, NotFound, Query } from "./query.ts";
import { lookupTable } from "./table.ts";

const rulesOf = memoBy((namespace: Namespace): Readonly<Record<Family, readonly PolicyRule[]>> => {
  const inOrder = namespace.rules.toSorted((a, b) => a.priority - b.priority);
  return { 4: inOrder.filter(({ family }) => family === 4), 6: inOrder.filter(({ family }) => family === 6) };
});

const within = (range: readonly [number, number] | undefined, value: number | undefined): boolean =>
  range === undefined || (value !== undefined && range[0] <= value && value <= range[1]);

/** The table of the VRF that the packet came in by, or leaves by. */
function vrfTable(namespace: Namespace, query: Query): number | undefined {
  const place = placeOf(namespace);
  for (const ifindex of [query.out, query.in]) {
    const link = ifindex === undefined ? undefined : place.link(ifindex);
    const master = link?.master === undefined ? undefined : place.link(link.master);
    const table = link?.vrfTable ?? master?.vrfTable;
    if (table !== undefined) return table;
  }
  return undefined;
}

/** fib_rule_match, fib4_rule_match. */
function matches(namespace: Namespace, rule: PolicyRule, query: Query): boolean {
  const holds =
    (rule.in === undefined ||
      rule.in === (query.in === undefined ? "lo" : linkAt(namespace, query.in)?.name)) &&
    (rule.out === undefined || rule.out === linkAt(namespace, query.out)?.name) &&
    (rule.mark === undefined || ((query.mark ^ rule.mark.value) & rule.mark.mask) === 0) &&
    (rule.from === undefined ||
      rule.from.length === 0 ||
      (query.from !== undefined && contains(rule.from, query.from))) &&
    (rule.to === undefined || contains(rule.to, query.to)) &&
    (rule.tos === undefined || rule.tos === 0 || rule.tos === (query.tos ?? 0)) &&
    (rule.protocol === undefined || rule.protocol === 0 || rule.protocol === query.protocol) &&
    within(rule.sourcePorts, query.sourcePort) &&
    within(rule.destinationPorts, query.destinationPort) &&
    within(rule.uids, query.uid ?? 0) &&
    (!rule.vrf || vrfTable(namespace, query) !== undefined);
  return holds !== rule.not;
}

const ERRORS = {
  blackhole: "EINVAL",
  unreachable: "ENETUNREACH",
  prohibit: "EACCES",
} as const;

/** fib_props (net/ipv4/fib_semantics.c): what a route says that leads nowhere. */
function errorOf(route: ObservedRoute): NotFound["error"] | "EAGAIN" | undefined {
  if (route.type === RTN.blackhole) return "EINVAL";
  if (route.type === RTN.unreachable) return "EHOSTUNREACH";
  if (route.type === RTN.prohibit) return "EACCES";
  return route.type === RTN.throw ? "EAGAIN" : undefined;
}

/** Rule by rule, until a table has an answer. */
export function lookup(namespace: Namespace, query: Query): Lookup {
  const rules = rulesOf(namespace)[query.family];
  for (let at = 0; at < rules.length; at += 1) {
    const rule = rules[at];
    if (!rule || !matches(namespace, rule, query)) continue;
    const { action } = rule;
    if (action.do === "nop") continue;
    if (action.do === "goto") {
      const target = rules.findIndex(({ priority }) => priority === action.priority);
      // The kernel takes targets further on alone, and passes over those that are missing.
      if (target > at) at = target - 1;
      continue;
    }
    if (action.do !== "table") return { found: false, error: ERRORS[action.do], rule };
    const table = rule.vrf ? vrfTable(namespace, query) : action.table;
    const match = table === undefined ? undefined : lookupTable(namespace, table, query);
    if (!match) continue;
    const error = errorOf(match.route);
    if (error === "EAGAIN") continue;
    if (error) return { found: false, error, route: match.route, rule };
    if (rule.suppressPrefixLength !== undefined && match.route.to.length <= rule.suppressPrefixLength)
      continue;
    return { found: true, ...match, rule };
  }
  return { found: false, error: "ENETUNREACH" };
}
