/** Routes and rules as ip(8) writes them. */
import type { Prefix } from "../../../lib/ip.ts";
import { formatAddress, formatPrefix, widthOf } from "../../../lib/ip.ts";
import { RT_TABLE, RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, NextHop, ObservedRoute, PolicyRule } from "../../../observe/types.ts";

const TYPES = new Map<number, string>(Object.entries(RTN).map(([name, number]) => [number, name]));
const TABLES = new Map<number, string>([
  [RT_TABLE.local, "local"],
  [RT_TABLE.main, "main"],
  [RT_TABLE.default, "default"],
]);

const tableName = (table: number): string => TABLES.get(table) ?? String(table);

/** `default`, `10.0.0.1`, `10.0.0.0/8`. */
function prefixText(prefix: Prefix): string {
  if (prefix.length === 0) return "default";
  return prefix.length === widthOf(prefix.address.family)
    ? formatAddress(prefix.address)
    : formatPrefix(prefix);
}

/** `default via 172.17.0.1 dev eth0`: the route, by the one of its hops that was taken. */
export function routeText(namespace: Namespace, route: ObservedRoute, hop?: NextHop): string {
  const dev = hop?.ifindex === undefined ? undefined : placeOf(namespace).link(hop.ifindex)?.name;
  return [
    route.type === RTN.unicast ? undefined : TYPES.get(route.type),
    prefixText(route.to),
    hop?.via && `via ${formatAddress(hop.via)}`,
    dev && `dev ${dev}`,
    route.table === RT_TABLE.main || route.table === RT_TABLE.local
      ? undefined
      : `table ${tableName(route.table)}`,
    route.preferredSource && `src ${formatAddress(route.preferredSource)}`,
    route.metric === 0 ? undefined : `metric ${route.metric}`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");
}

/** `100: from 10.0.0.0/8 fwmark 0x1 lookup 7`; undefined for the rules that every machine has. */
export function ruleText(rule: PolicyRule): string | undefined {
  const { action } = rule;
  const plain = !rule.from?.length && !rule.mark && !rule.in && !rule.out && !rule.to && !rule.vrf;
  if (plain && action.do === "table" && TABLES.has(action.table)) return undefined;
  return [
    `${rule.priority}:`,
    rule.not ? "not" : undefined,
    `from ${rule.from?.length ? prefixText(rule.from) : "all"}`,
    rule.to && `to ${prefixText(rule.to)}`,
    rule.mark && `fwmark 0x${rule.mark.value.toString(16)}${maskText(rule.mark.mask)}`,
    rule.in && `iif ${rule.in}`,
    rule.out && `oif ${rule.out}`,
    actionText(rule),
    rule.suppressPrefixLength === undefined
      ? undefined
      : `suppress_prefixlength ${rule.suppressPrefixLength}`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");
}

const maskText = (mask: number): string =>
  mask >>> 0 === 0xffffffff ? "" : `/0x${(mask >>> 0).toString(16)}`;

function actionText({ action, vrf }: PolicyRule): string {
  if (vrf) return "lookup [l3mdev-table]";
  if (action.do === "table") return `lookup ${tableName(action.table)}`;
  return action.do === "goto" ? `goto ${action.priority}` : action.do;
}
