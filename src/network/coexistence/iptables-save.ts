/** iptables-save(8), read as far as `Match` goes: tables of xtables, and those that iptables keeps in nftables. */
import { type Prefix, tryParseAddress, widthOf } from "../../lib/ip.ts";
import type { Action, Chain, Family, Match, Rule, Table } from "./ruleset.ts";

/**
 * ```text
 * *filter
 * :FORWARD DROP [0:0]
 * -A FORWARD ! -i docker0 -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
 * COMMIT
 * ```
 */
export function readIptablesSave(
  text: string,
  { tool, family }: { readonly tool: Table["tool"]; readonly family: Family },
): readonly Table[] {
  const tables: { -readonly [Key in keyof Table]: Table[Key] }[] = [];
  let chains = new Map<string, Chain & { rules: Rule[] }>();
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      chains = new Map();
      tables.push({ tool, family, name: line.slice(1), chains });
    } else if (line.startsWith(":")) {
      const [name = "", policy] = line.slice(1).split(" ");
      const base = name === "FORWARD" ? ({ policy: policy === "DROP" ? "drop" : "accept" } as const) : {};
      chains.set(name, { name, ...base, rules: [] });
    } else if (line.startsWith("-A ")) {
      const [, name = "", ...words] = wordsOf(line);
      chains.get(name)?.rules.push(readRule(words, line));
    }
  }
  return tables;
}

/** Words in quotes are one, with backslashes before quotes in them. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/g, "$1"),
  );

function readRule(words: readonly string[], evidence: string): Rule {
  const matches: Match[] = [];
  let not = false;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? "";
    const value = words[i + 1] ?? "";
    if (word === "!") {
      not = true;
      continue;
    }
    if (word === "-j" || word === "-g") {
      return { matches, action: readAction(value, word === "-g"), evidence };
    }
    const match = readMatch(word, value, not);
    if (match) matches.push(match);
    // Options take any number of values; the next begins with a dash, or with its negation.
    if (word !== "--physdev-is-bridged")
      while (i + 1 < words.length && !/^(-|!$)/.test(words[i + 1] ?? "")) i += 1;
    not = false;
  }
  return { matches, action: { do: "continue" }, evidence };
}

/** They end nothing. */
const PASSING = new Set([
  "LOG",
  "NFLOG",
  "MARK",
  "CONNMARK",
  "TCPMSS",
  "CT",
  "AUDIT",
  "TRACE",
  "SET",
  "CLASSIFY",
  "DSCP",
]);

function readAction(target: string, goto: boolean): Action {
  if (target === "ACCEPT") return { do: "accept" };
  if (target === "DROP" || target === "REJECT") return { do: "drop" };
  if (target === "RETURN") return { do: "return" };
  if (target === "NFQUEUE" || target === "QUEUE") return { do: "unknown" };
  if (PASSING.has(target)) return { do: "continue" };
  return { do: goto ? "goto" : "jump", chain: target };
}

/** Undefined for what narrows nothing. */
function readMatch(option: string, value: string, not: boolean): Match | undefined {
  switch (option) {
    case "-i":
      return { on: "in", names: [value.replace(/\+$/, "*")], not };
    case "-o":
      return { on: "out", names: [value.replace(/\+$/, "*")], not };
    case "-p":
      return { on: "protocol", protocols: [value], not };
    case "-s":
    case "-d": {
      const subnet = readSubnet(value);
      if (!subnet) return { on: "other" };
      return { on: option === "-s" ? "source" : "destination", subnets: [subnet], not };
    }
    case "--ctstate":
    case "--state":
      return { on: "state", states: value.toLowerCase().split(","), not };
    case "--physdev-is-bridged":
      return { on: "bridged", not };
    case "-m":
    case "--comment":
      return undefined;
    default:
      return { on: "other" };
  }
}

/** `10.0.0.0/8`, or a netmask that is no prefix, which isn't looked into. */
function readSubnet(text: string): Prefix | undefined {
  const [address = "", length = ""] = text.split("/");
  const parsed = tryParseAddress(address);
  if (!parsed || !/^\d*$/.test(length)) return undefined;
  return { address: parsed, length: length === "" ? widthOf(parsed.family) : Number(length) };
}
