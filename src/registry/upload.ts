/** One image sent from a directory (skopeo's `dir:`), and how far each of its layers has come. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { codeOf } from "../lib/errors.ts";
import type { Session } from "./skopeo.ts";

/** Milliseconds between two looks at how far it has come. */
const LOOK_EVERY = 100;

export interface UploadOptions {
  readonly session: Session;
  /** Holds `manifest.json`, and blobs by the hex digits of their digests. */
  readonly directory: string;
  /** `docker.io/team/app:1`. */
  readonly target: string;
  readonly signal: AbortSignal;
  /** By hex digits. */
  readonly onBytes: (blob: string, bytes: number) => void;
  readonly onBlob: (digest: string, outcome: "sent" | "exists" | { readonly mountedFrom: string }) => void;
}

/** What it tells while it works (`--debug`): the outcome of each blob. */
const SKIPPED = /Skipping blob (sha256:[0-9a-f]{64}) \(already present\)/;
const MOUNTING = /Trying to mount \S*[?&]from=([^&"\\]+)&mount=([^&"\\]+)/;
const SENT = /Upload of (?:layer|blob) (sha256:[0-9a-f]{64}) complete/;

/** @throws SkopeoError; the signal's reason */
export async function upload(options: UploadOptions): Promise<void> {
  const { session, directory, target, signal, onBlob, onBytes } = options;
  const mounts = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  const onLine = (line: string) => {
    const [, from, blob] = MOUNTING.exec(line) ?? [];
    if (from && blob) mounts.set(decodeURIComponent(blob), decodeURIComponent(from));
    const skipped = SKIPPED.exec(line)?.[1];
    const mountedFrom = skipped && mounts.get(skipped);
    if (skipped) onBlob(skipped, mountedFrom ? { mountedFrom } : "exists");
    const sent = SENT.exec(line)?.[1];
    if (sent) onBlob(sent, "sent");
  };
  const args = ["--debug", "copy", "--preserve-digests", "--authfile", session.authFile];
  try {
    await session.run([...args, `dir:${directory}`, `docker://${target}`], {
      signal,
      onLine,
      onSpawn: (pid) => {
        timer = setInterval(() => {
          for (const [blob, bytes] of positions(pid, directory)) onBytes(blob, bytes);
        }, LOOK_EVERY);
      },
    });
  } finally {
    clearInterval(timer);
  }
}

/** How far a process has read the files of a directory that it has open (proc(5), `fdinfo`). */
function positions(pid: number, directory: string): readonly (readonly [file: string, bytes: number])[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (!path.startsWith(`${directory}/`)) return [];
      const position = /^pos:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1];
      return [[basename(path), Number(position)] as const];
    });
  } catch (thrown) {
    if (["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "")) return []; // closed, or ended, meanwhile
    throw thrown;
  }
}
