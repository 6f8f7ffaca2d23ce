/** From words to a verb, and from what it throws to a message and an exit status. */
import { messageOf } from "../lib/errors.ts";
import { legibleLines } from "../lib/legible.ts";
import { didYouMean } from "../lib/nearest.ts";
import { packageVersion } from "../lib/version.ts";
import { contextFor } from "./context.ts";
import { ExitError, UsageError } from "./errors.ts";
import { columns, usageLine, verbHelp } from "./help.ts";
import { type Entry, findEntry, GROUPS, membersOf } from "./tree.ts";
import { readCommandLine, type Verb } from "./verb.ts";

const GLOBAL_HELP = [
  ["  -H, --host string", "Engine to talk to: unix://PATH or tcp://ADDRESS:PORT"],
  ["  -v, --version", "Print version information and quit"],
] as const;

const width = (): number => process.stdout.columns || 80;

function rootHelp(): string {
  const rows = (pairs: readonly (readonly [string, string])[]) =>
    columns(
      pairs.map(([name, about]) => [`  ${name}`, about] as const),
      width(),
    );
  return (
    "Usage:  drawbridge [OPTIONS] COMMAND\n\nA container engine built around the bridge network\n\n" +
    `Management Commands:\n${rows([...GROUPS])}\nCommands:\n${rows(membersOf(undefined))}\n` +
    `Global Options:\n${columns(GLOBAL_HELP, width())}\n` +
    "Run 'drawbridge COMMAND --help' for more information on a command.\n"
  );
}

function groupHelp(group: string): string {
  return (
    `Usage:  drawbridge ${group} COMMAND\n\n${GROUPS.get(group)}\n${furtherVerbs(group)}\n` +
    `Run 'drawbridge ${group} COMMAND --help' for more information on a command.\n`
  );
}

/** Verbs that begin with another one's name. */
function furtherVerbs(path: string): string {
  const rows = membersOf(path).map(([name, about]) => [`  ${name}`, about] as const);
  return rows.length > 0 ? `\nCommands:\n${columns(rows, width())}` : "";
}

interface Globals {
  readonly host?: string;
  readonly wants?: "help" | "version";
  readonly words: readonly string[];
}

/** Flags before the verb. @throws UsageError */
function readGlobals(argv: readonly string[]): Globals {
  const words = [...argv];
  let host: string | undefined;
  while (words[0]?.startsWith("-")) {
    const word = words.shift() ?? "";
    const value = /^(?:--host=|-H=?)(.+)$/.exec(word)?.[1];
    if (value !== undefined) host = value;
    else if (word === "-H" || word === "--host") {
      host = words.shift();
      if (host === undefined) throw new UsageError(`flag needs an argument: ${word}`);
    } else if (word === "-v" || word === "--version") return { wants: "version", words };
    else if (word === "-h" || word === "--help") return { wants: "help", words };
    else throw new UsageError(`unknown flag: ${word}`);
  }
  return { words, ...(host !== undefined && { host }) };
}

/** Whether help is asked for before the container's own command begins. */
function wantsHelp(argv: readonly string[], definition: Verb): boolean {
  const end = argv.indexOf("--");
  const own = end < 0 ? argv : argv.slice(0, end);
  if (!definition.flagsFirst) return own.includes("--help");
  return own[0] === "--help" || (own.includes("--help") && own.every((word) => word.startsWith("-")));
}

async function runEntry(entry: Entry, argv: readonly string[], host: string | undefined): Promise<number> {
  const { default: definition } = await entry.load();
  if (wantsHelp(argv, definition)) {
    const help = verbHelp(entry.path, definition, [entry.path, ...entry.aliases], width());
    process.stdout.write(help + furtherVerbs(entry.path));
    return 0;
  }
  const failure = definition.failure ?? 1;
  try {
    const { words, options } = readCommandLine(entry.path, definition, argv);
    return (await definition.run(contextFor(host), words, options)) ?? 0;
  } catch (thrown) {
    if (thrown instanceof ExitError) {
      if (thrown.message) process.stderr.write(`${legibleLines(thrown.message)}\n`);
      return thrown.status;
    }
    if (thrown instanceof UsageError) {
      const hint = `${thrown.few ? "See" : "Run"} 'drawbridge ${entry.path} --help' for more information`;
      process.stderr.write(`${thrown.message}\n\n${usageLine(entry.path, definition)}\n\n${hint}\n`);
      return thrown.status;
    }
    const prefix = failure === 125 ? "drawbridge: " : "";
    process.stderr.write(`${prefix}${legibleLines(messageOf(thrown))}\n`);
    return failure;
  }
}

function unknownCommand(words: readonly string[]): number {
  const group = GROUPS.has(words[0] ?? "") ? words[0] : undefined;
  const [name = "", scope] = group === undefined ? [words[0]] : [words[1], group];
  const guess = didYouMean(
    name,
    membersOf(scope).map(([member]) => member),
  );
  const path = scope === undefined ? name : `${scope} ${name}`;
  process.stderr.write(`drawbridge: unknown command: drawbridge ${path}${guess}\n\n`);
  if (scope !== undefined) process.stderr.write(`Usage:  drawbridge ${scope}\n\n`);
  process.stderr.write(
    `Run 'drawbridge ${scope === undefined ? "" : `${scope} `}--help' for more information\n`,
  );
  return 1;
}

/** @returns the exit status */
export async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no failure; a disk that is full is one.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`drawbridge: cannot write to standard output: ${error.message}\n`);
    process.exit(125);
  });
  // Where nobody reads complaints, there is nobody to complain to.
  process.stderr.on("error", () => {});
  let globals: Globals;
  try {
    globals = readGlobals(argv);
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n\nRun 'drawbridge --help' for more information\n`);
    return 125;
  }
  if (globals.wants === "version") {
    process.stdout.write(`Drawbridge version ${packageVersion()}\n`);
    return 0;
  }
  const { words, host } = globals;
  const help = globals.wants === "help" || words[0] === "help";
  const topic = words[0] === "help" ? words.slice(1) : words;
  if (topic.length === 0) {
    process.stdout.write(rootHelp());
    return 0;
  }
  const found = findEntry(topic);
  if (found) return runEntry(found.entry, help ? ["--help"] : topic.slice(found.length), host);
  if (GROUPS.has(topic[0] ?? "") && (topic.length === 1 || topic[1]?.startsWith("-"))) {
    process.stdout.write(groupHelp(topic[0] ?? ""));
    return 0;
  }
  return unknownCommand(topic);
}
