/** The programs beside the engine, as they tell of themselves. */
import { execFile } from "node:child_process";
import { basename } from "node:path";
import { promisify } from "node:util";
import type { ProgramVersion } from "./types.ts";

const TOLD = new Map<string, Promise<ProgramVersion>>();

/** What `PROGRAM --version` says: crun and runc in lines, tini (`tini version 0.19.0 - git.de40ad0`) in one. Asked once. */
export function programVersion(path: string): Promise<ProgramVersion> {
  const told = TOLD.get(path) ?? ask(path);
  TOLD.set(path, told);
  return told;
}

async function ask(path: string): Promise<ProgramVersion> {
  const name = basename(path);
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 10_000 });
    const version = /version (\S+)/.exec(stdout)?.[1] ?? "";
    const commit = /^commit: (\S+)/m.exec(stdout)?.[1] ?? / - git\.(\S+)/.exec(stdout)?.[1] ?? "";
    return { name, path, version, commit };
  } catch {
    // It is gone, or no longer runs: it has no version to be told.
    return { name, path, version: "", commit: "" };
  }
}
