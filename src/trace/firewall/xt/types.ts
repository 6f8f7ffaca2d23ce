/** Extensions of xtables: what each match asks and each target does, in values of their own. */
import type { Family } from "../../../lib/ip.ts";
import type { XtExtension } from "../../../linux/xtables/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { HookVerdict, Surroundings, Translation } from "../types.ts";
import type { Options } from "./options.ts";

/** `unknown` where it depends on what the topology does not hold: a rate, chance, time, what was before. */
export type Answer = boolean | "unknown";

/** A structure in bytes, as it stands in a rule. */
export interface Encoded {
  readonly revision: number;
  readonly info: Uint8Array;
}

interface Definition<Value> {
  /** As the kernel has it; case matters. */
  readonly name: string;
  /** Undefined where there is no such revision, or the bytes are too few. */
  decode(info: Uint8Array, revision: number, family: Family): Value | undefined;
  encode(value: Value, family: Family): Encoded;
  /** iptables-save(8)'s words behind `-m NAME` or `-j NAME`: options, each with what it takes. */
  words(value: Value, family: Family): readonly string[];
  /** Where it was written by another name: `-m state`, `-j NOTRACK`. */
  alias?(value: Value): string | undefined;
  /** The same words back. @throws invalid */
  parse(options: Options, family: Family): Value;
}

export interface MatchDefinition<Value> extends Definition<Value> {
  matches(value: Value, packet: Packet, around: Surroundings): Answer;
}

export interface TargetDefinition<Value> extends Definition<Value> {
  apply(value: Value, packet: Packet, around: Surroundings): Effect;
}

type WithoutRule<T> = T extends unknown ? Omit<T, "rule"> : never;
type WithoutBy<T> = T extends unknown ? Omit<T, "by"> : never;

/** What ends a packet's way through a table. */
export type Final = WithoutBy<HookVerdict>;

/** What a target asked for; whose rule it was, its caller adds. */
export type Wish = WithoutRule<Translation>;

/** What a target does to a packet, and what is next: `continue` is the next rule, `return` the calling chain. */
export interface Effect {
  readonly next: Final | { readonly do: "continue" } | { readonly do: "return" };
  /** `dnat to 172.17.0.2:80`, `set mark 0x1`. */
  readonly does: string;
  /** Where it changes the packet. */
  readonly packet?: Packet;
  readonly translation?: Wish;
  readonly connectionMark?: number;
  readonly notrack?: boolean;
  /** Where the kernel chooses among several: which one this is, a sentence. */
  readonly assumes?: string;
}

/** A definition whose values are nobody else's business. */
export interface Kind<R extends Ready> {
  readonly name: string;
  prepare(extension: XtExtension, family: Family): R | undefined;
  parse(options: Options, family: Family): XtExtension;
}

interface Ready {
  /** With its name. */
  words(): readonly string[];
}

/** A match as it stands in a rule, decoded. */
export interface ReadyMatch extends Ready {
  matches(packet: Packet, around: Surroundings): Answer;
}

export interface ReadyTarget extends Ready {
  apply(packet: Packet, around: Surroundings): Effect;
}

export type MatchKind = Kind<ReadyMatch>;
export type TargetKind = Kind<ReadyTarget>;

export const defineMatch = <Value>(definition: MatchDefinition<Value>): MatchKind => ({
  ...kindOf(definition),
  prepare(extension, family) {
    const value = definition.decode(extension.info, extension.revision, family);
    return value === undefined
      ? undefined
      : {
          words: () => named(definition, value, family),
          matches: (packet, around) => definition.matches(value, packet, around),
        };
  },
});

export const defineTarget = <Value>(definition: TargetDefinition<Value>): TargetKind => ({
  ...kindOf(definition),
  prepare(extension, family) {
    const value = definition.decode(extension.info, extension.revision, family);
    return value === undefined
      ? undefined
      : {
          words: () => named(definition, value, family),
          apply: (packet, around) => definition.apply(value, packet, around),
        };
  },
});

const named = <Value>({ name, alias, words }: Definition<Value>, value: Value, family: Family) => [
  alias?.(value) ?? name,
  ...words(value, family),
];

const kindOf = <Value>({ name, encode, parse }: Definition<Value>) => ({
  name,
  parse(options: Options, family: Family): XtExtension {
    const value = parse(options, family);
    options.end();
    return { name, ...encode(value, family) };
  },
});

/**
 * A match whose structure is not read: all that is known is whether it can take such a packet at all. Out of
 * iptables-save(8)'s text it stays the words that it was.
 */
export const defineOpaque = (name: string, matches: ReadyMatch["matches"] = () => "unknown"): MatchKind => ({
  name,
  prepare: ({ written }) => ({ words: () => written ?? [name], matches }),
  parse: (options) => opaque(name, options),
});

/** What is known by its words alone. */
export const opaque = (name: string, options: Options): XtExtension => ({
  name,
  revision: 0,
  info: new Uint8Array(),
  written: [name, ...options.rest()],
});

/** A target whose structure is not read, and that lets the packet pass on as it is, whatever it notes elsewhere. */
export const defineQuiet = (name: string): TargetKind => ({
  name,
  prepare: ({ written }) => ({
    words: () => written ?? [name],
    apply: () => ({ next: { do: "continue" }, does: name }),
  }),
  parse: (options) => opaque(name, options),
});
