/** The programs that the engine stands on: run, or told how to get where they are missing. */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { isAbsolute } from "node:path";
import { messageOf, unavailable } from "../../lib/errors.ts";
import { findProgram } from "../../lib/programs.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { type Child, closePipe, openPipe, type Program, spawnProgram } from "../../linux/spawn.ts";

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

/** Start a program. @throws unavailable where it can't be run at all */
export function startProgram(reactor: Reactor, program: Program): Child {
  try {
    return spawnProgram(reactor, program);
  } catch (thrown) {
    throw unavailable(messageOf(thrown), thrown);
  }
}

/** Run a short program to its end. @throws unavailable where it can't be run at all */
export async function run(reactor: Reactor, path: string, args: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [openPipe("read"), openPipe("read")];
  let child: Child;
  try {
    child = startProgram(reactor, { path, args, descriptors: ["null", stdout.write, stderr.write] });
  } catch (thrown) {
    for (const pipe of [stdout, stderr]) closePipe(pipe);
    throw thrown;
  }
  for (const { write } of [stdout, stderr]) closeSync(write);
  const texts = [stdout, stderr].map(({ read }) => textOf(readingEnd(read)));
  const [code, out = "", error = ""] = await Promise.all([child.ended, ...texts]);
  return { code, stdout: out, stderr: error };
}

/** What comes out of a pipe up to its end, trimmed. */
export async function textOf(stream: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8").trim();
}

/** A pipe's end as a stream, that closes it. */
export const readingEnd = (fd: number): Socket => new Socket({ fd, readable: true, writable: false });
