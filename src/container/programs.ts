/** The programs that the engine stands on: where they are, and how to get what is missing. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import process from "node:process";
import { unavailable } from "../lib/errors.ts";

const { signals } = osConstants;

/** Where distributions put programs that people don't call themselves. */
const OUT_OF_THE_WAY = ["/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/crio", "/usr/lib/crio"];
const USUAL = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The program's path, by PATH and the usual places; undefined where it is in none. A path is looked at as it is. */
export function findProgram(name: string): string | undefined {
  if (isAbsolute(name)) return isExecutable(name) ? name : undefined;
  const path = (process.env.PATH ?? "").split(delimiter).filter(isAbsolute);
  return [...path, ...USUAL, ...OUT_OF_THE_WAY].map((place) => join(place, name)).find(isExecutable);
}

/** @throws unavailable, with the command that installs it */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw unavailable(`${name} is not installed: ${howToInstall(name)}`);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
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
    child.once("close", (status, signal) => resolve(status ?? 128 + (signal ? signals[signal] : 0)));
  });
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Collects what a child writes, to be asked for at its end. */
export function textOf(child: ChildProcess, stream: "stdout" | "stderr"): () => string {
  const pieces: Buffer[] = [];
  child[stream]?.on("data", (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString("utf8").trim();
}
