/** What is mended unasked: the very commands that are shown, of those that are safe. */
import { execFile } from "node:child_process";
import type { Diagnosis, Fix } from "./types.ts";

export interface Done {
  readonly fix: Fix;
  /** What the shell said, where it failed. */
  readonly failed?: string;
}

/** Milliseconds that a command has. */
const PATIENCE = 30_000;

/** Safe fixes, each once; of a finding that has several the first. */
export function safeFixes({ findings }: Diagnosis): readonly Fix[] {
  const chosen = new Map<string, Fix>();
  for (const { fixes } of findings) {
    const fix = fixes.find(({ safe }) => safe);
    if (fix) chosen.set(fix.command, fix);
  }
  return [...chosen.values()];
}

/** Run one by `sh -c`. */
export function carryOut(fix: Fix): Promise<Done> {
  return new Promise((resolve) => {
    execFile("sh", ["-c", fix.command], { timeout: PATIENCE, killSignal: "SIGKILL" }, (error, _, stderr) => {
      resolve(error ? { fix, failed: stderr.trim() || error.message } : { fix });
    });
  });
}
