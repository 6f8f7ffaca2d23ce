/** Rules in nft(8)'s words, for people: what is on a packet's path is listed, and nothing else. */
import { inNamespace } from "../../../linux/netns.ts";
import { closeContext, Nft, openContext } from "../../../linux/nftables/library.ts";
import { isNftName } from "../../../linux/nftables/names.ts";
import type { NftTable } from "../../../linux/nftables/program.ts";
import type { NetnsPath } from "../../../linux/plan.ts";
import type { Namespace, Topology } from "../../../observe/types.ts";
import type { RuleRef } from "../../types.ts";
import { disassemble } from "./disassemble.ts";
import { rulesListed } from "./listing.ts";

type NftRef = Extract<RuleRef, { in: "nft" }>;

/**
 * The same rules in the same order, those of nftables with their text. libnftables is asked in the rule's own namespace; what it
 * can't tell, since it is missing, or the rule is gone, is told from the topology in fewer words.
 */
export function describeNft(rules: readonly RuleRef[], topology: Topology): readonly RuleRef[] {
  const wanted = rules.filter((rule): rule is NftRef => rule.in === "nft" && rule.text === undefined);
  const texts = new Map<string, ReadonlyMap<number, string>>();
  for (const [id, here] of Map.groupBy(wanted, ({ namespace }) => namespace)) {
    const namespace = topology.namespaces.get(id);
    if (namespace) for (const [table, text] of textsOf(namespace, here)) texts.set(`${id} ${table}`, text);
  }
  return rules.map((rule) => {
    if (rule.in !== "nft" || rule.text !== undefined) return rule;
    const table = tableOf(topology.namespaces.get(rule.namespace), rule);
    const listed = rule.handle === undefined ? undefined : texts.get(`${rule.namespace} ${nameOf(rule)}`);
    const text = (rule.handle !== undefined && listed?.get(rule.handle)) || textOf(table, rule);
    return text === undefined ? rule : { ...rule, text };
  });
}

const nameOf = ({ family, table }: NftRef): string => `${family} ${table}`;

const tableOf = (namespace: Namespace | undefined, { family, table }: NftRef): NftTable | undefined =>
  namespace?.nft.tables.find((one) => one.family === family && one.name === table);

/** By table; nothing where the namespace can't be asked. */
function textsOf(namespace: Namespace, rules: readonly NftRef[]): Map<string, ReadonlyMap<number, string>> {
  const tables = new Map<string, ReadonlyMap<number, string>>();
  if (rules.every(({ handle }) => handle === undefined)) return tables;
  try {
    const context = inNamespace(namespace.path as NetnsPath, openContext);
    try {
      const nft = new Nft(context);
      for (const [name, ofTable] of Map.groupBy(rules, nameOf)) {
        const listing = list(nft, name, ofTable);
        if (listing !== undefined) tables.set(name, rulesListed(listing));
      }
    } finally {
      closeContext(context);
    }
  } catch {
    // No library, or no way in: there are other words.
    return tables;
  }
  return tables;
}

/** Chains of a table beyond which it is listed as a whole. */
const MOST_CHAINS = 6;

/** The chains that are on the path; nothing where one is there no more. */
function list(nft: Nft, table: string, rules: readonly NftRef[]): string | undefined {
  const chains = [...new Set(rules.map(({ chain }) => chain))];
  // A chain without a name of its own is listed where it is jumped to.
  const whole = chains.length > MOST_CHAINS || chains.some((chain) => chain.startsWith("__chain"));
  // Whoever made them in a container may have called them anything.
  if (![...rules.map((rule) => rule.table), ...(whole ? [] : chains)].every(isNftName)) return undefined;
  // One command at a time: of several, libnftables 1.0.6 finds but the last one's chain.
  const commands = whole ? [`list table ${table}`] : chains.map((chain) => `list chain ${table} ${chain}`);
  try {
    return commands.map((command) => nft.run("list rules", command, "handles")).join("\n");
  } catch {
    return undefined;
  }
}

function textOf(table: NftTable | undefined, { chain, handle }: NftRef): string | undefined {
  const found = table?.chains.get(chain);
  if (handle === undefined) return found?.base && `policy ${found.base.policy}`;
  const rule = found?.rules.find((one) => one.handle === handle);
  return rule && disassemble(rule);
}
