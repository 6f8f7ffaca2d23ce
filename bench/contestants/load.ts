/** load.c, compiled for the occasion, as servers in containers and as clients beside them. */
import { join } from "node:path";
import { findProgram } from "../../src/lib/programs.ts";
import { runProgram } from "../lib/program.ts";
import type { Absent } from "../lib/rounds.ts";

const SOURCE = join(import.meta.dirname, "../load.c");

/** Static, so that it runs in a root filesystem with nothing else. @returns its path */
export function compileLoad(directory: string): { readonly path: string } | Absent {
  const compiler = findProgram("gcc", "cc", "clang");
  if (!compiler) return { absent: "load: no C compiler (scripts/bootstrap --peers installs gcc)" };
  const path = join(directory, "load");
  runProgram(compiler, { args: ["-O2", "-Wall", "-static", "-o", path, SOURCE] });
  return { path };
}
