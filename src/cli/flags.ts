/**
 * Arguments as Docker's users type them (Go's pflag): `-itd`, `-eA=b`, `-e=A=b`, `--rm=false`, `--name x`,
 * `--name=x`, `--`. They are brought to one form, `--name=value`, before commander sees them.
 */
import { didYouMean } from "../lib/nearest.ts";
import { UsageError } from "./errors.ts";

/** As much of a flag as its spelling needs. */
export interface Spelling {
  /** Without dashes. */
  readonly name: string;
  /** One letter. */
  readonly letter?: string | undefined;
  /** Takes a value only after `=`; alone it stands for `true`. */
  readonly boolean: boolean;
}

export interface Canonical {
  /** `--name=value` each. */
  readonly flags: readonly string[];
  readonly positional: readonly string[];
}

/**
 * @param interspersed false: the first word that isn't a flag ends them (`run`, `exec`), so that the
 * container's command keeps its own
 * @throws UsageError in pflag's words
 */
export function canonical(
  argv: readonly string[],
  spellings: readonly Spelling[],
  options: { readonly interspersed: boolean },
): Canonical {
  const flags: string[] = [];
  const positional: string[] = [];
  const rest = [...argv];

  const long = (word: string) => {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const spelling = spellings.find((one) => one.name === name);
    if (!spelling) {
      const names = spellings.map((one) => one.name);
      throw new UsageError(`unknown flag: --${name}${didYouMean(name, names, "--")}`);
    }
    if (equals >= 0) flags.push(`--${name}=${word.slice(equals + 1)}`);
    else if (spelling.boolean) flags.push(`--${name}=true`);
    else flags.push(`--${name}=${valueAfter(`--${name}`)}`);
  };

  const letters = (word: string) => {
    for (let i = 1; i < word.length; i += 1) {
      const spelling = spellings.find((one) => one.letter === word[i]);
      if (!spelling) throw new UsageError(`unknown shorthand flag: '${word[i]}' in ${word}`);
      const after = word.slice(i + 1);
      if (after.startsWith("=")) return void flags.push(`--${spelling.name}=${after.slice(1)}`);
      if (!spelling.boolean) {
        const value = after || valueAfter(`'${word[i]}' in ${word}`);
        return void flags.push(`--${spelling.name}=${value}`);
      }
      flags.push(`--${spelling.name}=true`);
    }
  };

  const valueAfter = (flag: string): string => {
    const value = rest.shift();
    if (value === undefined) throw new UsageError(`flag needs an argument: ${flag}`);
    return value;
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      positional.push(...rest.splice(0));
    } else if (word.startsWith("--")) {
      long(word);
    } else if (word.startsWith("-") && word.length > 1) {
      letters(word);
    } else {
      positional.push(word);
      if (!options.interspersed) positional.push(...rest.splice(0));
    }
  }
  return { flags, positional };
}
