/** The kernel's floor: floor.c, compiled for the occasion, one process for all rounds. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { findProgram } from "../../src/lib/programs.ts";
import { runProgram } from "../lib/program.ts";
import type { Absent } from "../lib/rounds.ts";

const SOURCE = join(import.meta.dirname, "../floor.c");

export class Floor implements AsyncDisposable {
  readonly #directory: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  private constructor(directory: string, binary: string) {
    this.#directory = directory;
    this.#process = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  static compile(): Floor | Absent {
    const compiler = findProgram("gcc", "cc", "clang");
    if (!compiler) return { absent: "C floor: no C compiler (scripts/bootstrap --peers installs gcc)" };
    const directory = mkdtempSync(join(tmpdir(), "drawbridge-floor-"));
    try {
      const binary = join(directory, "floor");
      runProgram(compiler, { args: ["-O2", "-Wall", "-o", binary, SOURCE] });
      return new Floor(directory, binary);
    } catch (error) {
      rmSync(directory, { recursive: true });
      throw error;
    }
  }

  /** One command of floor.c. @returns milliseconds, by its own clock */
  async ask(...words: readonly (string | number)[]): Promise<number> {
    this.#process.stdin.write(`${words.join(" ")}\n`);
    const { value } = await this.#answers.next();
    const microseconds = Number(value);
    if (Number.isNaN(microseconds)) throw new Error(`floor ${words.join(" ")}: ${value ?? "it has ended"}`);
    return microseconds / 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.stdin.end();
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}
