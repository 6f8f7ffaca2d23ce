/**
 * A Dockerfile read as far as an engine must that has another program build from it: where each instruction begins
 * and ends, its flags, and what is refused before anything runs (Dockerfile reference, "Format", "Parser directives").
 */
import { type EngineError, inContext, invalid } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";

export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  /** `--from=builder` → `{ from: "builder" }`; a flag without a value has an empty one. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows keyword and flags. */
  readonly rest: string;
  /** Keyword, flags and rest as written, continuation lines joined. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface Dockerfile {
  /** What continues a line, and takes away the meaning of what follows. */
  readonly escapeToken: "\\" | "`";
  readonly instructions: readonly Instruction[];
}

const KEYWORDS: ReadonlySet<string> = new Set([
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
]);

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const COMMENT = /^\s*#/;
/** As Docker's parser has it: a word of this form takes the following lines for its content. */
const HEREDOC = /(?:^|\s)\d*<<-?\s*(?:["']?\w+["']?)(?:\s|$)/;

const BUILDKIT =
  "Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled";

/** dockerd's words for an instruction that is wrong. */
export const parseError = (line: number, why: string): EngineError =>
  invalid(`dockerfile parse error on line ${line}: ${why}`);

/** @throws invalid, in Docker's words */
export function parseDockerfile(content: string, name: string): Dockerfile {
  if (content === "") throw invalid(`the Dockerfile (${name}) cannot be empty`);
  const lines = content.replace(/^\uFEFF/, "").split(/(?<=\n)/);
  const { escapeToken, length } = readDirectives(lines, name);
  const instructions: Instruction[] = [];
  for (let at = length; at < lines.length; ) {
    const logical = readLogicalLine(lines, at, escapeToken);
    if (logical.text !== "") {
      instructions.push(readInstruction(logical.text, at + 1));
    }
    at = logical.end;
  }
  if (instructions.length === 0) throw invalid(`failed to parse ${name}: file with no instructions`);
  return { escapeToken, instructions };
}

/** Directives are comments at the very top; the first line that is none ends them. */
function readDirectives(lines: readonly string[], name: string) {
  const seen = new Map<string, string>();
  let length = 0;
  for (const line of lines) {
    const [, key, value] = DIRECTIVE.exec(line.trim()) ?? [];
    if (key === undefined || value === undefined) break;
    const lower = key.toLowerCase();
    if (seen.has(lower)) {
      throw invalid(`failed to parse ${name}: only one ${lower} parser directive can be used`);
    }
    seen.set(lower, value);
    length += 1;
  }
  const escapeToken = seen.get("escape") ?? "\\";
  if (escapeToken !== "\\" && escapeToken !== "`") {
    throw invalid(`failed to parse ${name}: invalid escape token '${escapeToken}' does not match \` or \\`);
  }
  return { escapeToken, length } as const;
}

/** The line at `start` with those that continue it; comments and empty lines between them are dropped. */
function readLogicalLine(lines: readonly string[], start: number, token: "\\" | "`") {
  const quoted = token === "\\" ? "\\\\" : "`";
  const continued = new RegExp(`(^|[^${quoted}])${quoted}[ \\t]*$`);
  let text = "";
  for (let at = start; at < lines.length; at += 1) {
    const line = (lines[at] ?? "").replace(/\r?\n$/, "");
    if (COMMENT.test(line)) {
      if (at === start) return { text: "", end: at + 1 };
      continue;
    }
    if (line.trim() === "") {
      if (at === start) return { text: "", end: at + 1 };
      continue;
    }
    if (!continued.test(line)) return { text: (text + line).trim(), end: at + 1 };
    text += line.replace(continued, "$1");
  }
  return { text: text.trim(), end: lines.length };
}

/** @throws invalid, in Docker's words */
function readInstruction(text: string, line: number): Instruction {
  const [word = ""] = text.split(/\s/, 1);
  const keyword = word.toUpperCase();
  if (!KEYWORDS.has(keyword)) throw parseError(line, unknownInstruction(word));
  const { flags, rest } = readFlags(text.slice(word.length).trim(), line);
  if (["ADD", "COPY", "RUN"].includes(keyword) && HEREDOC.test(rest)) {
    throw parseError(line, `here-documents need BuildKit: write ${keyword}'s lines with continuations`);
  }
  const instruction = { keyword, flags, rest, text, line };
  checkArguments(instruction);
  return instruction;
}

function unknownInstruction(word: string): string {
  const guess = nearest(word.toUpperCase(), KEYWORDS);
  const cased = guess !== undefined && word === word.toLowerCase() ? guess.toLowerCase() : guess;
  return `unknown instruction: ${word}${cased === undefined ? "" : ` (did you mean ${cased}?)`}`;
}

/** What follows as a flag's value is told to the builder without quotes: it holds nothing that needs any. */
const PLAIN = /^[^\s"'`\\]*$/;
/** What other programs take for space as well, before what they would take for a flag. */
const NEARLY_FLAG = /^[^\x21-\x7e]*--/;

function readFlags(words: string, line: number) {
  const flags: Record<string, string> = {};
  let rest = words;
  for (;;) {
    const [whole, name = "", written = ""] =
      /^--([\w-]+)(?:=("[^"]*"|'[^']*'|\S*))?(?:\s+|$)/.exec(rest) ?? [];
    if (whole === undefined) break;
    rest = rest.slice(whole.length);
    const value = written.replace(/^(["'])(.*)\1$/, "$2");
    if (Object.hasOwn(flags, name)) throw parseError(line, `duplicate flag specified: ${name}`);
    if (!PLAIN.test(value)) throw parseError(line, `invalid value of flag --${name}: ${written}`);
    flags[name] = value;
  }
  if (NEARLY_FLAG.test(rest)) throw parseError(line, `unknown flag: ${rest.split(/\s/, 1)[0]}`);
  return { flags, rest };
}

/** What a JSON array of texts says, or undefined for any other text. */
export function jsonWords(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === "string") ? value : undefined;
  } catch {
    return undefined; // the reference: what is no JSON is a shell's text
  }
}

function checkArguments({ keyword, rest, flags, line }: Instruction): void {
  const words = jsonWords(rest) ?? rest.split(/\s+/).filter(Boolean);
  const fail = (why: string) => {
    throw parseError(line, why);
  };
  switch (keyword) {
    case "ADD":
    case "COPY":
      if (words.length < 2) {
        fail(
          `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
        );
      }
      break;
    case "ARG":
    case "ENV":
    case "LABEL":
    case "EXPOSE":
    case "VOLUME":
    case "ONBUILD":
    case "HEALTHCHECK":
      if (words.length === 0) fail(`${keyword} requires at least one argument`);
      break;
    case "MAINTAINER":
    case "USER":
    case "WORKDIR":
    case "STOPSIGNAL":
      if (rest === "") fail(`${keyword} requires exactly one argument`);
      break;
    case "SHELL":
      if (jsonWords(rest) === undefined) fail("SHELL requires the arguments to be in JSON form");
      break;
    case "RUN": {
      // A builder that knows them lets some of them reach the host's files.
      const [flag] = Object.keys(flags);
      if (flag !== undefined) fail(`the --${flag} option requires BuildKit. ${BUILDKIT}`);
      break;
    }
    default:
  }
  if (["ARG", "ENV", "LABEL"].includes(keyword) && /^(""|'')?=/.test(rest)) {
    fail(`${keyword} names can not be blank`);
  }
  if (keyword === "ENV" && words.length === 1 && !rest.includes("=")) fail("ENV must have two arguments");
  if (keyword === "ONBUILD") {
    checkTrigger(words[0]?.toUpperCase() ?? "", fail);
    readInstruction(rest, line);
  }
}

function checkTrigger(trigger: string, fail: (why: string) => void): void {
  if (trigger === "ONBUILD") fail("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === "FROM" || trigger === "MAINTAINER") fail(`${trigger} isn't allowed as an ONBUILD trigger`);
}

/** What a name of a stage looks like, or its number. */
const STAGE = /^\w[\w.-]*$/;

/**
 * What an image has its children do: the builder reads it from the image itself, a line each. It is a stranger's, so
 * that it is read here as the Dockerfile is.
 * @param triggers of the image's config, `OnBuild`
 * @throws invalid, in Docker's words
 */
export function checkTriggers(triggers: readonly string[], image: string): void {
  for (const trigger of triggers) {
    try {
      if (/[\n\r]|\\\s*$/.test(trigger)) throw parseError(1, "it has more than one line");
      const { keyword, flags } = readInstruction(trigger.trim(), 1);
      checkTrigger(keyword, (why) => {
        throw parseError(1, why);
      });
      if (flags.from !== undefined && !STAGE.test(flags.from)) {
        throw parseError(1, `invalid from flag value ${flags.from}: not a stage`);
      }
    } catch (thrown) {
      throw inContext(`ONBUILD ${trigger} of ${image}`, thrown);
    }
  }
}
