/** The machine's static busybox as a root filesystem: the same for every contestant. */
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../src/lib/programs.ts";
import { runProgram } from "./program.ts";

/** Make it in `directory`. @throws Error where the machine has no busybox */
export function makeRootfs(directory: string): void {
  const busybox = findProgram("busybox");
  if (!busybox) throw new Error("no busybox on this machine: apt-get install busybox-static");
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp"])
    mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(busybox, join(directory, "bin/busybox"));
  for (const applet of ["true", "sh", "sleep"]) symlinkSync("busybox", join(directory, "bin", applet));
}

/** Pack it. @returns the archive's path */
export function packRootfs(directory: string): string {
  const archive = `${directory}.tar`;
  runProgram("tar", { args: ["-C", directory, "-cf", archive, "."] });
  return archive;
}
