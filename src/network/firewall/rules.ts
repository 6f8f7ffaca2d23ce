import { BRIDGE_CHAINS } from "./bridge-chains.ts";
import { defineSets, type Elements, type TableName, tableRef } from "./elements.ts";
import { INET_CHAINS } from "./inet-chains.ts";

const table = (name: TableName, elements: Elements, chains: readonly string[]): string =>
  `table ${tableRef(name)} {\n${defineSets(name, elements)}${chains.join("")}}\n`;

/** Our tables, whole, in the words and the layout of `nft list ruleset`. */
export const rules = (elements: Elements): string =>
  table("inet", elements, INET_CHAINS) + table("guard", elements, BRIDGE_CHAINS);

/**
 * Commands that make our tables what they shall be from whatever they are, in one transaction: a packet
 * meets the old rules or the new. Adding a table first makes deleting it no failure. No other table is
 * touched.
 */
export const loadRules = (elements: Elements): string => dropRules() + rules(elements);

/** Commands that take our tables away, if they are there. */
export const dropRules = (): string =>
  (["inet", "guard"] as const)
    .map(tableRef)
    .map((table) => `add table ${table}\ndelete table ${table}\n`)
    .join("");
