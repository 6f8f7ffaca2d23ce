/** Rules in iptables-save(8)'s words. */
import { type Family, formatAddress } from "../../../lib/ip.ts";
import type {
  XtAction,
  XtAddresses,
  XtChain,
  XtRule,
  XtSelector,
  XtTable,
} from "../../../linux/xtables/types.ts";
import type { Topology } from "../../../observe/types.ts";
import type { RuleRef } from "../../types.ts";
import { matchText, targetText } from "./extension.ts";
import { protocolName } from "./protocols.ts";

/** References to xtables' rules with their texts filled in, as far as the topology has the rules. Others as they are. */
export const describeXt = (refs: readonly RuleRef[], topology: Topology): readonly RuleRef[] =>
  refs.map((ref) => {
    const text = ref.in === "xtables" ? textOf(ref, topology) : undefined;
    return text === undefined ? ref : { ...ref, text };
  });

function textOf(ref: Extract<RuleRef, { in: "xtables" }>, topology: Topology): string | undefined {
  const table = topology.namespaces
    .get(ref.namespace)
    ?.xtables.find(({ family, name }) => family === ref.family && name === ref.table);
  const chain = table?.chains.get(ref.chain);
  if (!table || !chain) return undefined;
  if (ref.number === undefined) return policyText(chain);
  const rule = chain.rules[ref.number - 1];
  return rule && ruleText(table.family, chain, rule);
}

const policyText = ({ name, base }: XtChain): string | undefined =>
  base && `-P ${name} ${base.policy.toUpperCase()}`;

/** `-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT`. */
const ruleText = (family: Family, { name }: Pick<XtChain, "name">, rule: XtRule): string =>
  [
    "-A",
    name,
    ...selectorWords(rule.selector),
    ...rule.matches.map((match) => matchText(match, family)),
    ...actionWords(rule.action, family),
  ].join(" ");

/** A table as iptables-save(8) writes it, without counters. */
export const saveTable = (table: XtTable): string =>
  [
    `*${table.name}`,
    ...[...table.chains.values()].map(
      ({ name, base }) => `:${name} ${base ? base.policy.toUpperCase() : "-"}`,
    ),
    ...[...table.chains.values()].flatMap((chain) =>
      chain.rules.map((rule) => ruleText(table.family, chain, rule)),
    ),
    "COMMIT",
    "",
  ].join("\n");

function selectorWords({ source, destination, in: into, out, protocol, fragment }: XtSelector): string[] {
  const words = (flag: string, given: { readonly not: boolean } | undefined, value = "") =>
    given ? [...(given.not ? ["!"] : []), flag, ...(value ? [value] : [])] : [];
  return [
    ...words("-s", source, source && addressesText(source)),
    ...words("-d", destination, destination && addressesText(destination)),
    ...words("-i", into, into?.pattern),
    ...words("-o", out, out?.pattern),
    ...words("-p", protocol, protocol && protocolName(protocol.number)),
    ...words("-f", fragment),
  ];
}

function addressesText({ prefix, mask }: XtAddresses): string {
  const { address, length } = prefix;
  const of = formatAddress(address);
  return mask === undefined
    ? `${of}/${length}`
    : `${of}/${formatAddress({ family: address.family, bits: mask })}`;
}

function actionWords(action: XtAction, family: Family): string[] {
  switch (action.do) {
    case "continue":
      return [];
    case "jump":
      return ["-j", action.chain];
    case "goto":
      return ["-g", action.chain];
    case "target":
      return [targetText(action.target, family)];
    default:
      return ["-j", action.do.toUpperCase()];
  }
}
