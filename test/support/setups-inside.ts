/**
 * Runs in a throwaway host, and does there what a user at its console does: shell lines, `drawbridge doctor` and
 * `drawbridge trace`. A process a command would take longer than all the rest: the verbs are run in this one, as `command.ts`
 * runs them.
 *
 * A line of standard input is a command line, and a line of standard output what came of one: `Asked` and `Answered`, as JSON.
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { contextFor } from "../../src/cli/context.ts";
import doctor from "../../src/cli/doctor.ts";
import trace from "../../src/cli/trace.ts";
import { readCommandLine, type Verb } from "../../src/cli/verb.ts";
import type { Answer, Answered, Asked } from "./setups-host.ts";

const VERBS: ReadonlyMap<string, Verb> = new Map([
  ["doctor", doctor],
  ["trace", trace],
]);

/** Milliseconds. */
const PATIENCE = 20_000;

function shell(line: string): Promise<Answer> {
  return new Promise((resolve) => {
    execFile("sh", ["-c", line], { timeout: PATIENCE, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : 137;
      resolve({ code: error ? code : 0, out: stdout, err: stderr });
    });
  });
}

async function look(name: string, definition: Verb, argv: readonly string[]): Promise<Answer> {
  const told = { out: "", err: "" };
  const { words, options } = readCommandLine(name, definition, ["--json", ...argv]);
  const context = {
    ...contextFor(undefined),
    out: (text: string) => {
      told.out += text;
    },
    err: (text: string) => {
      told.err += text;
    },
  };
  const code = (await definition.run(context, words, options)) ?? 0;
  return { code, ...told };
}

async function carryOut(line: string): Promise<Answer> {
  const [program, name = "", ...argv] = line.split(" ");
  const definition = program === "drawbridge" ? VERBS.get(name) : undefined;
  if (!definition) return shell(line);
  try {
    return await look(name, definition, argv);
  } catch (thrown) {
    return { code: 125, out: "", err: String(thrown instanceof Error ? thrown.stack : thrown) };
  }
}

async function answer({ id, line }: Asked): Promise<void> {
  const answered: Answered = { id, ...(await carryOut(line)) };
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}

const under = new Set<Promise<void>>();
for await (const line of createInterface(process.stdin)) under.add(answer(JSON.parse(line)));
await Promise.all(under);
process.exit(0);
