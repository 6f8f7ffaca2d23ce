/** Programs that a contestant runs: each run counts from its start to its end. */
import { spawnSync } from "node:child_process";
import process from "node:process";

export interface Invocation {
  readonly args?: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** @returns how long it took, in milliseconds. @throws Error with what it said, where it failed */
export function runProgram(program: string, { args = [], input = "", env = {} }: Invocation): number {
  const start = performance.now();
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...env },
  });
  const took = performance.now() - start;
  if (error) throw error;
  if (status !== 0)
    throw new Error(`${[program, ...args].join(" ")}: exit code ${status}: ${stdout}${stderr}`);
  return took;
}
