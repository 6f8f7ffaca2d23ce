/** Matches and targets by their names, decoded once. iptables-nft's expressions hold the very same structures. */
import type { Family } from "../../../lib/ip.ts";
import type { XtExtension } from "../../../linux/xtables/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { Surroundings } from "../types.ts";
import { familyOf } from "./look.ts";
import { MATCHES } from "./matches/all.ts";
import { TARGETS } from "./targets/all.ts";
import type { Answer, Effect, Kind, ReadyMatch, ReadyTarget } from "./types.ts";

const byName = <R extends ReadyMatch | ReadyTarget>(
  kinds: readonly Kind<R>[],
): ReadonlyMap<string, Kind<R>> => new Map(kinds.map((kind) => [kind.name, kind]));

export const MATCH_KINDS = byName(MATCHES);
export const TARGET_KINDS = byName(TARGETS);

/** Decoded at first use, kept as long as the rule: `null` for what is not known here. */
function prepared<R extends ReadyMatch | ReadyTarget>(kinds: ReadonlyMap<string, Kind<R>>) {
  const known = { 4: new WeakMap<XtExtension, R | null>(), 6: new WeakMap<XtExtension, R | null>() };
  return (extension: XtExtension, family: Family): R | undefined => {
    let ready = known[family].get(extension);
    if (ready === undefined) {
      ready = kinds.get(extension.name)?.prepare(extension, family) ?? null;
      known[family].set(extension, ready);
    }
    return ready ?? undefined;
  };
}

const readyMatch: (extension: XtExtension, family: Family) => ReadyMatch | undefined = prepared(MATCH_KINDS);
const readyTarget: (extension: XtExtension, family: Family) => ReadyTarget | undefined =
  prepared(TARGET_KINDS);

/** Whether a match takes the packet; `unknown` as well where it is one that is not known here. */
export const matchExtension = (extension: XtExtension, packet: Packet, around: Surroundings): Answer =>
  readyMatch(extension, familyOf(packet))?.matches(packet, around) ?? "unknown";

/** What a target does. One that is not known here takes the packet out of what can be told. */
export const applyTarget = (extension: XtExtension, packet: Packet, around: Surroundings): Effect =>
  readyTarget(extension, familyOf(packet))?.apply(packet, around) ?? {
    next: { do: "elsewhere", how: `the target ${extension.name}, which is not known here` },
    does: extension.name,
  };

/** Targets that change nothing that a packet's way depends on: whether such a rule is met matters to nobody. */
const QUIET = new Set(["LOG", "NFLOG", "AUDIT", "TRACE", "RATEEST", "IDLETIMER", "LED", "TEE", "SET"]);

export const isQuiet = (target: XtExtension): boolean => QUIET.has(target.name);

/** `-m limit --limit 3/min`: iptables-save(8)'s words of a match. Of one that is not known here, its name. */
export const matchText = (extension: XtExtension, family: Family): string =>
  textOf("-m", extension, readyMatch(extension, family));

/** `-j DNAT --to-destination 172.17.0.2:80`. */
export const targetText = (extension: XtExtension, family: Family): string =>
  textOf("-j", extension, readyTarget(extension, family));

const textOf = (flag: string, { name, written }: XtExtension, ready?: Pick<ReadyMatch, "words">) =>
  [flag, ...(ready?.words() ?? written ?? [name])].join(" ");

/** What is taken for granted where a match can't be decided: a sentence. */
export function assumption(extension: XtExtension, family: Family, matched: boolean): string {
  const text = matchText(extension, family);
  if (extension.name === "limit" || extension.name === "hashlimit") {
    return `the rate of "${text}" is ${matched ? "not yet" : "already"} used up`;
  }
  if (extension.name === "statistic") return `"${text}" ${matched ? "picks" : "does not pick"} this packet`;
  return `"${text}" ${matched ? "matches" : "does not match"}, which can't be read from here`;
}
