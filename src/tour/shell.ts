/** Commands of the lesson, run as a person would: by the shell, one line at a time. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { shellWord } from "../lib/shell.ts";

export interface Ran {
  readonly code: number;
  /** Both streams, as a terminal would show them. */
  readonly output: string;
}

/** What runs a line. @param line without a word of what failed it is nothing: its output tells */
export type Shell = (line: string) => Promise<Ran>;

export interface ShellOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Of `drawbridge` in a line, and of `docker` where that is not installed: command lines of one word. */
  readonly drawbridge: string;
  readonly docker: "docker" | "drawbridge";
}

/** A shell that knows this command by its name, wherever it lies. */
export function shellOf({ environment, drawbridge, docker }: ShellOptions): Shell {
  const functions = [
    `drawbridge() { ${shellWord(drawbridge)} "$@"; }`,
    ...(docker === "docker" ? [] : [`docker() { ${shellWord(drawbridge)} "$@"; }`]),
  ].join("; ");
  return async (line) => {
    const child = spawn("sh", ["-uc", `exec 2>&1; ${functions}; ${line}`], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? (signal ? 128 : 1)));
    });
    const [code, output] = await Promise.all([ended, text(child.stdout)]);
    return { code, output };
  };
}
