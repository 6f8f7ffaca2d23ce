/** Rules in nft(8)'s words, for people: what is on a packet's path is listed, and nothing else. */
import { inFoundNamespace } from "../../../linux/netns.ts";
import { closeContext, Nft, openContext } from "../../../linux/nftables/library.ts";
import { isNftName } from "../../../linux/nftables/names.ts";
import type { NftTable } from "../../../linux/nftables/program.ts";
import { quietly } from "../../../linux/quiet.ts";
import type { Namespace, Topology } from "../../../observe/types.ts";
import type { RuleRef } from "../../types.ts";
import { disassemble } from "./disassemble.ts";
import { rulesListed } from "./listing.ts";

type NftRef = Extract<RuleRef, { in: "nft" }>;

/** By the names of tables, and by the handles that are unique in one. */
type Texts = ReadonlyMap<string, ReadonlyMap<number, string>>;

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
function textsOf(namespace: Namespace, rules: readonly NftRef[]): Texts {
  if (rules.every(({ handle }) => handle === undefined)) return new Map();
  try {
    const context = inFoundNamespace(namespace, openContext);
    try {
      const nft = new Nft(context);
      return canListAll(namespace) ? byFamily(nft, rules) : byChain(nft, rules);
    } finally {
      closeContext(context);
    }
  } catch {
    // No library, or no way in: there are other words.
    return new Map();
  }
}

/**
 * Rules beyond which chains are listed one by one. For each of those libnftables 1.0.6 fetches the elements of all sets of the
 * table, terse or not, and it does not for all rules at once.
 */
const MOST_RULES = 1_000;

function canListAll({ nft: { tables } }: Namespace): boolean {
  const chains = tables.flatMap((table) => [...table.chains.values()]);
  const rules = chains.reduce((count, chain) => count + chain.rules.length, 0);
  // Whoever made them in a container may have called them anything, such as what a table begins with.
  return rules <= MOST_RULES && [...tables, ...chains].every(({ name }) => isNftName(name));
}

/** Of the families on the path alone: libxtables, once it has learnt targets of one of IP's, does not find the other's. */
function byFamily(nft: Nft, rules: readonly NftRef[]): Texts {
  const families = [...new Set(rules.map(({ family }) => family))];
  return rulesListed(families.map((family) => listing(nft, `ruleset ${family}`)).join("\n"));
}

/** Chains of a table beyond which it is listed as a whole. */
const MOST_CHAINS = 6;

/** The chains that are on the path, of those tables where none is gone. */
function byChain(nft: Nft, rules: readonly NftRef[]): Texts {
  const texts = new Map<string, ReadonlyMap<number, string>>();
  for (const [table, ofTable] of Map.groupBy(rules, nameOf)) {
    const chains = [...new Set(ofTable.map(({ chain }) => chain))];
    // A chain without a name of its own is listed where it is jumped to.
    const whole = chains.length > MOST_CHAINS || chains.some((chain) => chain.startsWith("__chain"));
    // Whoever made them in a container may have called them anything.
    if (![...ofTable.map((rule) => rule.table), ...(whole ? [] : chains)].every(isNftName)) continue;
    try {
      // One command at a time: of several, libnftables 1.0.6 finds but the last one's chain.
      const listings = whole
        ? [listing(nft, `table ${table}`)]
        : chains.map((chain) => listing(nft, `chain ${table} ${chain}`));
      for (const [name, found] of rulesListed(listings.join("\n"))) texts.set(name, found);
    } catch {
      // Gone since it was read.
    }
  }
  return texts;
}

const listing = (nft: Nft, what: string): string =>
  quietly(() => nft.run("list rules", `list ${what}`, "handles"));

function textOf(table: NftTable | undefined, { chain, handle }: NftRef): string | undefined {
  const found = table?.chains.get(chain);
  if (handle === undefined) return found?.base && `policy ${found.base.policy}`;
  const rule = found?.rules.find((one) => one.handle === handle);
  return rule && disassemble(rule);
}
