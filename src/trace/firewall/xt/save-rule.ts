/** A rule out of the words that iptables-save(8) wrote it with. */
import { type Address, type Family, parseAddress, widthOf } from "../../../lib/ip.ts";
import type { XtAction, XtAddresses, XtExtension, XtRule, XtSelector } from "../../../linux/xtables/types.ts";
import { MATCH_KINDS, TARGET_KINDS } from "./extension.ts";
import { type Option, Options } from "./options.ts";
import { type Group, groupsOf, type Word } from "./save-line.ts";
import { type Kind, opaque, type ReadyMatch, type ReadyTarget } from "./types.ts";

const VERDICTS: Readonly<Record<string, XtAction>> = {
  ACCEPT: { do: "accept" },
  DROP: { do: "drop" },
  QUEUE: { do: "queue" },
  RETURN: { do: "return" },
};
/** Matches that are another's by now. */
const ALIASES: Readonly<Record<string, string>> = { state: "conntrack" };

/**
 * Words behind `-A CHAIN`. Extensions that are not known here stay the words that they are.
 * @param chains the table's own, which a target may name
 * @returns undefined for a rule of the other family alone
 * @throws invalid
 */
export function parseRule(
  words: readonly Word[],
  number: number,
  family: Family,
  chains: ReadonlySet<string>,
): XtRule | undefined {
  const [own, ...groups] = groupsOf(words);
  const given = new Options("the rule", own?.options ?? []);
  if (given.flag(family === 4 ? "ipv6" : "ipv4")) return undefined;
  given.flag(family === 4 ? "ipv4" : "ipv6");
  const counters = given.take("set-counters");
  const selector = parseSelector(given, family);
  given.end();
  const matches = groups
    .filter(({ extension }) => extension?.flag === "m")
    .map((group) => parseExtension(MATCH_KINDS, group, family));
  const targets = groups.filter(({ extension }) => extension && extension.flag !== "m");
  const [target, ...more] = targets;
  if (more.length > 0) throw given.wrong("more than one target");
  return {
    number,
    selector,
    matches,
    action: target ? parseAction(target, family, chains) : { do: "continue" },
    packets: BigInt(counters ? given.number(given.valueOf(counters), Number.MAX_SAFE_INTEGER) : 0),
  };
}

function parseAction(group: Group, family: Family, chains: ReadonlySet<string>): XtAction {
  const { flag, name } = group.extension ?? { flag: "j", name: "" };
  if (chains.has(name)) {
    new Options(`-${flag} ${name}`, group.options).end();
    return { do: flag === "g" ? "goto" : "jump", chain: name };
  }
  if (flag === "g") throw new Options(`-g ${name}`, []).wrong("no such chain");
  return VERDICTS[name] ?? { do: "target", target: parseExtension(TARGET_KINDS, group, family) };
}

function parseExtension(
  kinds: ReadonlyMap<string, Kind<ReadyMatch | ReadyTarget>>,
  { extension, options }: Group,
  family: Family,
): XtExtension {
  const { flag, name } = extension ?? { flag: "m", name: "" };
  const given = new Options(`-${flag} ${name}`, options);
  const kind = kinds.get(ALIASES[name] ?? name);
  return kind ? kind.parse(given, family) : opaque(name, given);
}

function parseSelector(given: Options, family: Family): XtSelector {
  const source = parseAddresses(given, given.take("source"), family);
  const destination = parseAddresses(given, given.take("destination"), family);
  const into = parseLink(given, given.take("in-interface"));
  const out = parseLink(given, given.take("out-interface"));
  const protocol = given.take("protocol");
  const number = protocol ? given.protocol(given.valueOf(protocol)) : 0;
  const fragment = given.take("fragment");
  return {
    ...(source && { source }),
    ...(destination && { destination }),
    ...(into && { in: into }),
    ...(out && { out }),
    ...(number !== 0 && { protocol: { number, not: protocol?.not ?? false } }),
    ...(fragment && { fragment: { not: fragment.not } }),
  };
}

/** Any link is no question, but for its denial. */
function parseLink(given: Options, option: Option | undefined): XtSelector["in"] {
  if (!option) return undefined;
  const pattern = given.valueOf(option);
  return pattern === "+" && !option.not ? undefined : { pattern, not: option.not };
}

function parseAddresses(given: Options, option: Option | undefined, family: Family): XtAddresses | undefined {
  if (!option) return undefined;
  const [text = "", mask] = given.valueOf(option).split("/");
  const width = widthOf(family);
  const address = parseAddress(text);
  if (address.family !== family) throw given.wrong(`${text} is no IPv${family} address`);
  const bits = mask === undefined ? allOnes(width) : maskBits(given, mask, family);
  if (bits === 0n && !option.not) return undefined;
  const of: Address = { family, bits: address.bits & bits };
  const length = bits.toString(2).replaceAll("0", "").length;
  const isPrefix = bits === allOnes(width) - allOnes(width - length);
  return {
    prefix: { address: of, length: isPrefix ? length : width },
    ...(!isPrefix && { mask: bits }),
    not: option.not,
  };
}

function maskBits(given: Options, mask: string, family: Family): bigint {
  if (!/^\d+$/.test(mask)) {
    const parsed = parseAddress(mask);
    if (parsed.family !== family) throw given.wrong(`${mask} is no mask of IPv${family}`);
    return parsed.bits;
  }
  const width = widthOf(family);
  return allOnes(width) - allOnes(width - given.number(mask, width));
}

const allOnes = (count: number): bigint => (1n << BigInt(count)) - 1n;
