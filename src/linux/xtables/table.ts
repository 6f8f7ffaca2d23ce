/**
 * A table of xtables out of the block of entries that the kernel keeps it as. Chains are stretches of the block: a
 * built-in one begins where its hook enters and ends at its policy, the underflow; a user's begins behind an entry whose
 * ERROR target holds its name, and ends with a RETURN that nobody wrote. Jumps are offsets into the block.
 */
import type { Family } from "../../lib/ip.ts";
import { readCString, readI32 } from "../bytes.ts";
import { type Entry, readEntry } from "./entry.ts";
import { HOOKS, VERDICTS } from "./layout.ts";
import { hasLoop } from "./loop.ts";
import type { XtAction, XtChain, XtRule, XtTable } from "./types.ts";

/** What of struct ipt_getinfo says where chains begin and end: by hook, offsets, those that the table has. */
export interface Info {
  readonly hooks: readonly { readonly hook: number; readonly entry: number; readonly underflow: number }[];
  /** Bytes of entries. */
  readonly size: number;
}

interface Placed extends Entry {
  readonly at: number;
}

/** A stretch of the block, by the names that jumps need. */
interface Stretch {
  readonly name: string;
  /** Offset of its first entry: what a jump to it says. */
  readonly start: number;
  readonly entries: Placed[];
  readonly hook?: Info["hooks"][number];
}

/** The table; undefined where the block is not one that a kernel keeps. */
export function readTable(family: Family, name: string, info: Info, block: Uint8Array): XtTable | undefined {
  const entries = readEntries(family, block);
  const stretches = entries && cut(entries, info);
  if (!stretches) return undefined;
  const names = new Map(stretches.map((stretch) => [stretch.start, stretch.name]));
  const chains = new Map<string, XtChain>();
  for (const stretch of stretches) {
    const chain = readChain(stretch, names);
    if (!chain || chains.has(chain.name)) return undefined;
    chains.set(chain.name, chain);
  }
  return hasLoop(chains) ? undefined : { family, name, chains };
}

function readEntries(family: Family, block: Uint8Array): Placed[] | undefined {
  const entries: Placed[] = [];
  for (let at = 0; at < block.length; ) {
    const entry = readEntry(family, block, at);
    if (!entry) return undefined;
    entries.push({ ...entry, at });
    at += entry.length;
  }
  return entries;
}

const isError = (entry: Entry): boolean => entry.target.name === "ERROR";

function cut(entries: readonly Placed[], info: Info): Stretch[] | undefined {
  const hooks = new Map(info.hooks.map((hook) => [hook.entry, hook]));
  const stretches: Stretch[] = [];
  let current: Stretch | undefined;
  for (const entry of entries) {
    const hook = hooks.get(entry.at);
    if (isError(entry)) {
      const name = readCString(entry.target.info);
      current = { name, start: entry.at + entry.length, entries: [] };
      stretches.push(current);
      continue;
    }
    if (hook) {
      current = { name: (HOOKS[hook.hook] ?? "").toUpperCase(), start: entry.at, entries: [], hook };
      stretches.push(current);
    }
    if (!current) return undefined;
    current.entries.push(entry);
  }
  // The last is the table's own end, an ERROR with nothing behind it.
  const end = stretches.pop();
  return end && !end.hook && end.entries.length === 0 ? stretches : undefined;
}

function readChain(stretch: Stretch, names: ReadonlyMap<number, string>): XtChain | undefined {
  const { name, entries, hook } = stretch;
  const last = entries.at(-1);
  const end = last && readAction(last, names);
  if (!end) return undefined;
  const rules: XtRule[] = [];
  for (const entry of entries.slice(0, -1)) {
    const action = readAction(entry, names);
    if (!action) return undefined;
    const { selector, matches, packets } = entry;
    rules.push({ number: rules.length + 1, selector, matches, action, packets });
  }
  if (!hook) return end.do === "return" ? { name, rules } : undefined;
  const at = HOOKS[hook.hook];
  if (!at || last.at !== hook.underflow) return undefined;
  return end.do === "accept" || end.do === "drop"
    ? { name, base: { hook: at, policy: end.do }, rules }
    : undefined;
}

function readAction(entry: Placed, names: ReadonlyMap<number, string>): XtAction | undefined {
  if (entry.target.name !== "") return { do: "target", target: entry.target };
  const verdict = readI32(entry.target.info.subarray(0, 4));
  if (verdict === undefined) return undefined;
  const said = VERDICTS.get(verdict);
  if (said) return { do: said };
  // A rule without a target falls through: it jumps to the entry behind it.
  if (verdict === entry.at + entry.length) return { do: "continue" };
  const chain = names.get(verdict);
  return chain === undefined ? undefined : { do: entry.goto ? "goto" : "jump", chain };
}
