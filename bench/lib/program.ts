/** Programs that a contestant runs: each run counts from its start to its end. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** The first of `paths` that can be run; a bare name is looked for in PATH. */
export function findProgram(...paths: readonly string[]): string | undefined {
  const places = (process.env.PATH ?? "").split(delimiter);
  return paths
    .flatMap((path) => (path.includes("/") ? [path] : places.map((place) => join(place, path))))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

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
