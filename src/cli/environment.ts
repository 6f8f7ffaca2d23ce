/** `-e`, `--env-file` and labels. */
import { readFileSync } from "node:fs";
import { codeOf } from "../lib/errors.ts";
import { UsageError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `A=b` as it is; `A` alone takes our own value. Where we have none it stays alone: the engine then unsets it. */
function resolved(word: string, environment: Environment): string {
  const value = word.includes("=") ? undefined : environment[word];
  return value === undefined ? word : `${word}=${value}`;
}

/** Lines of an environment or label file: `#` begins a comment, empty lines are passed over. @throws naming file and line */
export function parseLines(path: string, text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const name = line.split("=", 1)[0] ?? "";
      if (name === "") throw new Error(`invalid env file (${path}): no variable name on line '${line}'`);
      if (/\s/.test(name))
        throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`);
      return line;
    });
}

function linesOf(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    const missing = codeOf(thrown) === "ENOENT";
    throw missing ? new Error(`open ${path}: no such file or directory`, { cause: thrown }) : thrown;
  }
  return parseLines(path, text);
}

/** Files first, so that `-e` wins. */
export function readEnvironment(
  words: readonly string[],
  files: readonly string[],
  environment: Environment = process.env,
): readonly string[] {
  // A file's names without a value anywhere are left out.
  const fromFiles = files
    .flatMap(linesOf)
    .map((line) => resolved(line, environment))
    .filter((line) => line.includes("="));
  for (const word of words) {
    if (word === "" || word.startsWith("="))
      throw new UsageError(
        `invalid argument "${word}" for "-e, --env" flag: invalid environment variable: ${word}`,
      );
  }
  return [...fromFiles, ...words.map((word) => resolved(word, environment))];
}

/** `key=value`; a key alone has the empty value. */
export function readLabels(words: readonly string[], files: readonly string[]): Record<string, string> {
  const pairs = [...files.flatMap(linesOf), ...words].map((label) => {
    const equals = label.indexOf("=");
    return equals < 0 ? [label, ""] : [label.slice(0, equals), label.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}
