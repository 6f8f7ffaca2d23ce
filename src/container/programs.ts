/** The programs that the engine stands on: run, or told how to get where they are missing. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { isAbsolute } from "node:path";
import { unavailable } from "../lib/errors.ts";
import { findProgram } from "../lib/programs.ts";

/** @throws unavailable, with the command that installs it */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw unavailable(`${name} is not installed: ${howToInstall(name)}`);
  return path;
}

const INSTALLERS = ["apt-get install", "dnf install", "zypper install", "pacman -S", "apk add"];

/** `apt-get install crun`, with this machine's own package manager. */
export function howToInstall(name: string): string {
  const installer = INSTALLERS.find((command) => findProgram(command.split(" ")[0] ?? command));
  return isAbsolute(name) || !installer ? `install ${name}` : `${installer} ${name}`;
}

export interface Ran {
  /** 128 + signal where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a short program to its end. @throws unavailable where it can't be run at all */
export async function run(path: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
  const stdout = textOf(child, "stdout");
  const stderr = textOf(child, "stderr");
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(unavailable(`run ${path}: ${error.message}`, error)));
    child.once("close", (status, signal) =>
      resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)),
    );
  });
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Collects what a child writes, to be asked for at its end. */
export function textOf(child: ChildProcess, stream: "stdout" | "stderr"): () => string {
  const pieces: Buffer[] = [];
  child[stream]?.on("data", (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString("utf8").trim();
}
