/** Archives of this machine's files, by its own tar: GNU tar 1.28 or newer. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { ExitError } from "./errors.ts";

/** The first part of each name. */
export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** Hard links' targets are renamed as well; symlinks lead where they lead. GNU tar manual, "transform". */
function renaming({ from, to }: Rename): readonly string[] {
  if (from === to) return [];
  const pattern = from.replace(/[\\,.*[\]^$]/g, "\\$&");
  const replacement = to.replace(/[\\,&]/g, "\\$&");
  return [`--transform=flags=rhS;s,^${pattern}\\(/\\|$\\),${replacement}\\1,`];
}

export interface Tar {
  readonly input: Writable;
  readonly output: Readable;
  /** @throws ExitError with what it said, where it failed */
  readonly ended: Promise<void>;
}

function run(args: readonly string[]): Tar {
  const child = spawn("tar", args, { stdio: "pipe" });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  // Why it stopped to read is said by itself.
  child.stdin.on("error", () => {});
  const failed = once(child, "error").then(([error]: unknown[]) => {
    throw new ExitError(1, `copy with tar: ${error instanceof Error ? error.message : error}`);
  });
  const closed = once(child, "close").then(([code]: unknown[]) => {
    if (code !== 0) throw new ExitError(1, complaint.trim() || `tar ended with ${code}`);
  });
  return { input: child.stdin, output: child.stdout, ended: Promise.race([closed, failed]) };
}

export const pack = (directory: string, rename: Rename): Tar =>
  run(["-c", "-C", directory, "--format=pax", "--numeric-owner", ...renaming(rename), "--", rename.from]);

/** @param owners as archived, where this user may do that */
export const unpack = (directory: string, rename: Rename, owners: boolean): Tar =>
  run([
    "-x",
    "-p",
    "-C",
    directory,
    "--numeric-owner",
    owners ? "--same-owner" : "--no-same-owner",
    ...renaming(rename),
    "-f",
    "-",
  ]);
