/** One rule of iptables-save(8)'s text, as words and options. */
import { invalid } from "../../../lib/errors.ts";
import type { Option } from "./options.ts";

export interface Word {
  readonly text: string;
  /** It is a value then, whatever it begins with. */
  readonly quoted: boolean;
}

/** What the words between two of `-m`, `-j`, `-g` are about. */
export interface Group {
  /** Absent for what the rule itself asks: `-s`, `-i`, `-p` … */
  readonly extension?: { readonly flag: "m" | "j" | "g"; readonly name: string };
  readonly options: readonly Option[];
}

const SEPARATOR = /\s/;

/** Split at blanks, with double quotes and backslashes as iptables-save(8) writes them. @throws invalid */
export function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < line.length; ) {
    if (SEPARATOR.test(line[at] ?? "")) {
      at += 1;
      continue;
    }
    let text = "";
    let open = false;
    let quoted = false;
    for (; at < line.length && (open || !SEPARATOR.test(line[at] ?? "")); at += 1) {
      const character = line[at] ?? "";
      if (character === '"') {
        open = !open;
        quoted = true;
      } else if (open && character === "\\" && at + 1 < line.length) {
        at += 1;
        text += line[at];
      } else text += character;
    }
    if (open) throw invalid("a quote is not closed");
    words.push({ text, quoted });
  }
  return words;
}

/** Options that take a text, which may begin with a dash and stand without quotes. */
const TEXTS = new Set(["comment", "log-prefix", "nflog-prefix", "string", "hex-string", "name"]);
/** Of the rule itself, by the letters that iptables-save(8) writes and the long names that people do. */
const OWN: Readonly<Record<string, string>> = {
  s: "source",
  src: "source",
  source: "source",
  d: "destination",
  dst: "destination",
  destination: "destination",
  i: "in-interface",
  "in-interface": "in-interface",
  o: "out-interface",
  "out-interface": "out-interface",
  p: "protocol",
  proto: "protocol",
  protocol: "protocol",
  f: "fragment",
  fragment: "fragment",
  "4": "ipv4",
  ipv4: "ipv4",
  "6": "ipv6",
  ipv6: "ipv6",
  c: "set-counters",
  "set-counters": "set-counters",
};
const EXTENSIONS: Readonly<Record<string, "m" | "j" | "g">> = {
  m: "m",
  match: "m",
  j: "j",
  jump: "j",
  g: "g",
  goto: "g",
};
/** Matches that `-p` brings by itself where one of their options follows. */
const IMPLIED: Readonly<Record<string, string>> = {
  tcp: "tcp",
  "6": "tcp",
  udp: "udp",
  "17": "udp",
  icmp: "icmp",
  "1": "icmp",
  "ipv6-icmp": "icmp6",
  icmpv6: "icmp6",
  "58": "icmp6",
};

/** Words behind `-A CHAIN`, gathered by what they belong to; the rule's own first. @throws invalid */
export function groupsOf(words: readonly Word[]): readonly Group[] {
  const own: Option[] = [];
  const groups: { extension: { flag: "m" | "j" | "g"; name: string }; options: Option[] }[] = [];
  let not = false;
  for (let at = 0; at < words.length; ) {
    const word = words[at];
    at += 1;
    if (!word) break;
    if (word.text === "!" && !word.quoted) {
      not = true;
      continue;
    }
    const name = word.quoted ? undefined : /^--?(?=.)(.*)$/.exec(word.text)?.[1];
    if (name === undefined) throw invalid(`${word.text} stands alone`);
    const args: string[] = [];
    for (let next = words[at]; next && takes(name, args, next); next = words[at]) {
      args.push(next.text);
      at += 1;
    }
    const flag = EXTENSIONS[name];
    if (flag) {
      const [extension] = args;
      if (extension === undefined || args.length > 1) throw invalid(`-${flag} takes one name`);
      groups.push({ extension: { flag, name: extension }, options: [] });
    } else if (OWN[name] !== undefined && !word.text.startsWith("--"))
      own.push({ name: OWN[name], not, args });
    else if (OWN[name] !== undefined && groups.length === 0) own.push({ name: OWN[name], not, args });
    else {
      const group = groups.at(-1) ?? implied(own);
      if (!group) throw invalid(`--${name} belongs to nothing`);
      if (groups.length === 0) groups.push(group);
      group.options.push({ name, not, args });
    }
    not = false;
  }
  if (not) throw invalid("a ! stands at the end");
  return [{ options: own }, ...groups];
}

const takes = (name: string, args: readonly string[], next: Word): boolean =>
  next.quoted || (TEXTS.has(name) && args.length === 0) || !/^(-.|!$)/.test(next.text);

function implied(own: readonly Option[]) {
  const protocol = own.find(({ name }) => name === "protocol")?.args[0];
  const name = protocol === undefined ? undefined : IMPLIED[protocol];
  return name === undefined
    ? undefined
    : { extension: { flag: "m" as const, name }, options: [] as Option[] };
}
