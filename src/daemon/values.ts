/** Flags and configuration file brought together: each option once, in one shape, with where it was said. */

import { tryParseGoBoolean } from "../lib/go-boolean.ts";
import { isObject } from "../lib/is-object.ts";
import { didYouMean } from "../lib/nearest.ts";
import { DAEMON_OPTIONS, type DaemonOption, type OptionValue } from "./options.ts";

/** The flags as typed: by long name, every value in order. A bare boolean flag is `true`. */
export type DaemonFlags = ReadonlyMap<string, readonly string[]>;

export interface Said {
  readonly option: DaemonOption;
  readonly value: OptionValue;
  /** For messages: `--bip`, or `bip in /etc/drawbridge/daemon.json`. */
  readonly origin: string;
}

/** What was said, by the option's key (or the flag's name where it has none). */
export type Values = ReadonlyMap<string, Said>;

/** Everything that is wrong, one sentence each. */
export type Problems = string[];

export const nameOf = (option: DaemonOption): string => option.key ?? option.flag ?? "";

function fromFlag(option: DaemonOption, texts: readonly string[]): OptionValue | undefined {
  const last = texts.at(-1) ?? "";
  switch (option.type) {
    case "bool":
      return tryParseGoBoolean(last);
    case "int":
      return /^[+-]?\d+$/.test(last) && Number.isSafeInteger(Number(last)) ? Number(last) : undefined;
    case "list":
      return texts;
    case "map":
      if (option.nested) return nestedFromFlags(texts);
      return Object.fromEntries(
        texts.map((text) => {
          const equals = text.indexOf("=");
          return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
        }),
      );
    default:
      return last;
  }
}

/** `driver=key=value` each; undefined where one is not. */
function nestedFromFlags(texts: readonly string[]): OptionValue | undefined {
  const all: Record<string, Record<string, string>> = {};
  for (const text of texts) {
    const { driver, key, value } = /^(?<driver>[^=]+)=(?<key>[^=]+)=(?<value>.*)$/s.exec(text)?.groups ?? {};
    if (driver === undefined || key === undefined || value === undefined) return undefined;
    all[driver] = { ...all[driver], [key]: value };
  }
  return all;
}

interface Shape {
  /** For messages: `a string`. */
  readonly is: string;
  test(value: unknown): boolean;
}

const SHAPES = {
  string: { is: "a string", test: (value) => typeof value === "string" },
  bool: { is: "true or false", test: (value) => typeof value === "boolean" },
  int: { is: "a whole number", test: (value) => Number.isSafeInteger(value) },
  list: { is: "a list", test: (value) => Array.isArray(value) },
  map: { is: "an object", test: isObject },
  any: { is: "a value", test: (value) => value !== null },
} as const satisfies Record<DaemonOption["type"], Shape>;

const NESTED: Shape = {
  is: "DRIVER=KEY=VALUE, or in a file an object of objects of strings,",
  test: (value) =>
    isObject(value) &&
    Object.values(value).every(
      (of) => isObject(of) && Object.values(of).every((text) => typeof text === "string"),
    ),
};

const shapeOf = ({ type, nested }: DaemonOption): Shape => (nested ? NESTED : SHAPES[type]);

function fromFlags(flags: DaemonFlags, problems: Problems): Map<string, Said> {
  const values = new Map<string, Said>();
  for (const [flag, texts] of flags) {
    const option = DAEMON_OPTIONS.find((one) => one.flag === flag);
    if (!option) {
      const known = DAEMON_OPTIONS.flatMap((one) => one.flag ?? []);
      problems.push(`unknown flag: --${flag}${didYouMean(flag, known, "--")}`);
      continue;
    }
    const value = fromFlag(option, texts);
    if (value === undefined) {
      problems.push(`--${flag}: ${shapeOf(option).is} is wanted, not ${JSON.stringify(texts.at(-1))}`);
    } else values.set(nameOf(option), { option, value, origin: `--${flag}` });
  }
  return values;
}

function fromFile(file: ConfigFile, problems: Problems): Map<string, Said> {
  const values = new Map<string, Said>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(file.text.replace(/^\uFEFF/, "").trim() || "{}");
  } catch (thrown) {
    problems.push(`${file.path}: not JSON: ${thrown instanceof Error ? thrown.message : thrown}`);
    return values;
  }
  if (!SHAPES.map.test(parsed)) {
    problems.push(`${file.path}: an object is wanted, like {"mtu": 1400}`);
    return values;
  }
  for (const [key, value] of Object.entries(parsed as object)) {
    const option = DAEMON_OPTIONS.find((one) => one.key === key);
    const origin = `${key} in ${file.path}`;
    if (!option) {
      const known = DAEMON_OPTIONS.flatMap((one) => one.key ?? []);
      // The usual slip: the flag's name where the file wants the plural.
      const plural = DAEMON_OPTIONS.find((one) => one.flag === key)?.key;
      const guess = plural ? ` (did you mean ${plural}?)` : didYouMean(key, known);
      problems.push(`${file.path}: ${key} doesn't match any configuration option${guess}`);
    } else if (!shapeOf(option).test(value)) {
      problems.push(`${origin}: ${shapeOf(option).is} is wanted, not ${JSON.stringify(value)}`);
    } else values.set(nameOf(option), { option, value: value as OptionValue, origin });
  }
  return values;
}

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** Runtimes add up in dockerd: the one thing that may be said in both places. */
const MAY_REPEAT = new Set(["runtimes"]);

/** One value an option. What can't be read, is unknown, or is said twice goes to `problems`. */
export function readValues(flags: DaemonFlags, file: ConfigFile | undefined, problems: Problems): Values {
  const values = fromFlags(flags, problems);
  if (!file) return values;
  for (const [key, said] of fromFile(file, problems)) {
    const other = values.get(key);
    if (other && !MAY_REPEAT.has(key)) {
      problems.push(
        `${key} is specified both as a flag and in the configuration file: ` +
          `from flag: ${JSON.stringify(other.value)}, from ${file.path}: ${JSON.stringify(said.value)}; take one of them out`,
      );
    } else values.set(key, said);
  }
  return values;
}
