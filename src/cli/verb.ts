/** A verb is data and one function; commander reads the command line for it. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "./context.ts";
import { parseCsv } from "./csv.ts";
import { UsageError } from "./errors.ts";
import { canonical } from "./flags.ts";
import { parseBytes, parseDecimal, parseGoBoolean, parseInteger } from "./values.ts";

/** The word that help shows for a flag's value; `bool` shows none. */
export type Kind =
  | "bool"
  | "string"
  | "int"
  | "list"
  | "strings"
  | "map"
  | "bytes"
  | "decimal"
  | "filter"
  | "ulimit"
  | "network";

const REPEATED: ReadonlySet<Kind> = new Set(["list", "strings", "map", "filter", "ulimit", "network"]);

/** A flag with Docker's spelling. Lists and their like come as string[] (`strings`: with commas as well), `bytes` as a number. */
export class Flag extends Option {
  readonly kind: Kind;
  constructor(spelling: string, kind: Kind, about: string) {
    super(`${spelling} <${kind}>`, about);
    this.kind = kind;
    this.negate = false; // `--no-trunc` is a name of its own, not the opposite of `--trunc`
    if (REPEATED.has(kind)) {
      this.default([]);
      const values = (text: string) => (kind === "strings" ? this.#checked(text, parseCsv) : [text]);
      this.argParser((text: string, before: string[]) => [...before, ...values(text)]);
    } else if (kind === "bool") {
      this.default(false);
      this.argParser((text: string) => this.#checked(text, parseGoBoolean));
    } else if (kind === "int") this.argParser((text: string) => this.#checked(text, parseInteger));
    else if (kind === "bytes") this.argParser((text: string) => this.#checked(text, parseBytes));
    else if (kind === "decimal") this.argParser((text: string) => this.#checked(text, parseDecimal));
  }

  get repeated(): boolean {
    return REPEATED.has(this.kind);
  }

  override attributeName(): string {
    return this.name().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  }

  #checked<T>(text: string, parse: (text: string) => T): T {
    try {
      return parse(text);
    } catch (thrown) {
      const spelling = [this.short, this.long].filter(Boolean).join(", ");
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      throw new UsageError(`invalid argument "${text}" for "${spelling}" flag: ${why}`);
    }
  }
}

export const flag = (spelling: string, kind: Kind, about: string): Flag => new Flag(spelling, kind, about);

/** `O`: the flags' values by camel-cased name, as commander gives them. */
export interface Verb<O extends object = Record<string, unknown>> {
  /** What follows the name: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  /** How many words follow the flags. */
  readonly least: number;
  readonly most: number;
  /** The first word ends the flags. */
  readonly flagsFirst?: boolean;
  /** The exit status of a wrong command line or an engine out of reach; 1 but for `run`. */
  readonly failure?: number;
  /** @returns the exit status; 0 where nothing */
  run(context: Context, words: readonly string[], options: O): Promise<number | undefined>;
}

/** Types a verb's options where it is defined, and forgets them for the table of verbs. */
export const verb = <O extends object>(definition: Verb<O>): Verb => definition as unknown as Verb;

/** The verb as commander's command, for help and completion as well. */
export function commandOf(name: string, definition: Verb): Command {
  const command = new Command(name).description(definition.about).usage(definition.usage);
  for (const option of definition.flags) command.addOption(option);
  command.helpOption(false).allowExcessArguments().argument("[words...]").exitOverride();
  command.configureOutput({ writeErr: () => {}, outputError: () => {} });
  return command;
}

function countProblem(definition: Verb, count: number): string | undefined {
  const { least, most } = definition;
  if (count >= least && count <= most) return undefined;
  const number = (n: number) => `${n} argument${n === 1 ? "" : "s"}`;
  if (most === 0) return "accepts no arguments";
  if (least === most) return `requires ${number(least)}`;
  return count < least ? `requires at least ${number(least)}` : `requires at most ${number(most)}`;
}

/** @throws UsageError */
export function readCommandLine(
  path: string,
  definition: Verb,
  argv: readonly string[],
): { readonly words: readonly string[]; readonly options: Record<string, unknown> } {
  const spellings = definition.flags.map((option) => ({
    name: option.name(),
    letter: option.short?.slice(1),
    boolean: option.kind === "bool",
  }));
  const { flags, positional } = canonical(argv, spellings, { interspersed: !definition.flagsFirst });
  const command = commandOf(path, definition);
  try {
    command.parse([...flags, "--", ...positional], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof InvalidArgumentError) throw new UsageError(thrown.message);
    throw thrown;
  }
  const problem = countProblem(definition, positional.length);
  if (problem)
    throw new UsageError(`drawbridge: 'drawbridge ${path}' ${problem}`, 1, problem.includes("at least"));
  return { words: positional, options: command.opts() };
}
