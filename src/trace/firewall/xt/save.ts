/**
 * Tables out of iptables-save(8)'s text, as the kernel would have them after iptables-restore(8): a rule set that was saved
 * is predicted on without a kernel.
 */
import { invalid } from "../../../lib/errors.ts";
import type { Family } from "../../../lib/ip.ts";
import { hasLoop } from "../../../linux/xtables/loop.ts";
import type { XtChain, XtHook, XtRule, XtTable } from "../../../linux/xtables/types.ts";
import { type Word, wordsOf } from "./save-line.ts";
import { parseRule } from "./save-rule.ts";

/** Chains that a table has from the beginning. */
const HOOKS: Readonly<Record<string, readonly XtHook[]>> = {
  filter: ["input", "forward", "output"],
  nat: ["prerouting", "input", "output", "postrouting"],
  mangle: ["prerouting", "input", "forward", "output", "postrouting"],
  raw: ["prerouting", "output"],
  security: ["input", "forward", "output"],
};

interface Draft {
  readonly name: string;
  readonly policies: Map<string, "accept" | "drop">;
  /** By chain, in their order. */
  readonly rules: Map<string, { readonly words: readonly Word[]; readonly line: number }[]>;
}

/**
 * @param text any number of tables, each from `*NAME` to `COMMIT`
 * @throws invalid, with the line
 */
export function fromIptablesSave(text: string, family: Family): readonly XtTable[] {
  const drafts: Draft[] = [];
  let open: Draft | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    at(index + 1, () => {
      if (line.startsWith("*")) {
        if (open) throw invalid(`${open.name} has no COMMIT`);
        open = begin(line.slice(1));
      } else if (!open) throw invalid(`${line} belongs to no table`);
      else if (line === "COMMIT") {
        drafts.push(open);
        open = undefined;
      } else read(open, line, index + 1);
    });
  }
  if (open) throw invalid(`iptables-save: ${(open as Draft).name} has no COMMIT`);
  return drafts.map((draft) => finished(draft, family));
}

function begin(name: string): Draft {
  const hooks = HOOKS[name];
  if (!hooks) throw invalid(`no such table: ${name}`);
  const chains = hooks.map((hook) => hook.toUpperCase());
  return {
    name,
    policies: new Map(chains.map((chain) => [chain, "accept"])),
    rules: new Map(chains.map((chain) => [chain, []])),
  };
}

function read(table: Draft, line: string, number: number): void {
  const [first, chain, ...rest] = wordsOf(line.replace(/^:/, ": ")).filter(
    (word, i) => i > 0 || !isCounter(word),
  );
  const counters = /^\[(\d+):\d+\]/.exec(line)?.[1];
  const name = chain?.text ?? "";
  switch (first?.text) {
    case ":":
      declare(table, name, rest[0]?.text ?? "-");
      return;
    case "-N":
      declare(table, name, "-");
      return;
    case "-P":
      declare(table, name, rest[0]?.text ?? "");
      return;
    case "-A": {
      const rules = table.rules.get(name);
      if (!rules) throw invalid(`no such chain: ${name}`);
      const counted = counters === undefined ? [] : ["-c", counters].map((text) => ({ text, quoted: false }));
      rules.push({ words: [...rest, ...counted], line: number });
      return;
    }
    default:
      throw invalid(`not understood: ${line}`);
  }
}

/** `[12:720]` before a rule, of `iptables-save -c`. */
const isCounter = ({ text }: Word): boolean => /^\[\d+:\d+\]$/.test(text);

function declare(table: Draft, chain: string, policy: string): void {
  const base = table.policies.has(chain);
  if (policy === "ACCEPT" || policy === "DROP") {
    if (!base) throw invalid(`${chain} of ${table.name} is no chain with a policy`);
    table.policies.set(chain, policy === "ACCEPT" ? "accept" : "drop");
  } else if (policy !== "-" || base || chain === "")
    throw invalid(`${chain} can't have the policy ${policy}`);
  else if (!table.rules.has(chain)) table.rules.set(chain, []);
}

function finished({ name, policies, rules }: Draft, family: Family): XtTable {
  const known = new Set([...rules.keys()].filter((chain) => !policies.has(chain)));
  const chains = new Map(
    [...rules].map(([chain, lines]): [string, XtChain] => {
      const parsed: XtRule[] = [];
      for (const { words, line } of lines) {
        const rule = at(line, () => parseRule(words, parsed.length + 1, family, known));
        if (rule) parsed.push(rule);
      }
      const policy = policies.get(chain);
      const hook = policy && HOOKS[name]?.find((each) => each.toUpperCase() === chain);
      return [chain, { name: chain, ...(policy && hook && { base: { hook, policy } }), rules: parsed }];
    }),
  );
  if (hasLoop(chains)) throw invalid(`iptables-save: chains of ${name} lead back to themselves`);
  return { family, name, chains };
}

/** Whatever is wrong, in the words of where. */
function at<T>(line: number, what: () => T): T {
  try {
    return what();
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    throw invalid(`iptables-save, line ${line}: ${thrown.message}`);
  }
}
