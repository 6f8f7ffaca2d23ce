/** Why a runtime would not run something, read from what it said. */
import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../../lib/errors.ts";
import type { RuntimeRefusal } from "./monitor-types.ts";

/** A runtime that failed, in its own words. */
export class RuntimeError extends EngineError {
  readonly refusal: RuntimeRefusal;
  constructor(refusal: RuntimeRefusal, message: string) {
    super("invalid", message);
    this.name = "RuntimeError";
    this.refusal = refusal;
  }
}

/**
 * The message itself: without runc's `time="…" level=error msg="…"` around it, or the time that crun puts
 * before it. Of several, the last: the others led to it.
 */
export function runtimeMessage(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => /level=(error|fatal)/.test(line));
  const last = errors.at(-1);
  if (last === undefined) return lines.map((line) => line.replace(/^\d{4}-\S+Z: /, "")).join("\n");
  const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(last)?.[1];
  return quoted === undefined ? last : unquote(quoted);
}

/** A Go string literal, which is JSON's but for a few escapes. */
function unquote(literal: string): string {
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal.slice(1, -1);
  }
}

/** Of the executable, not of a mount that fails with the same errno. */
const NOT_FOUND = [
  /executable file .*not found/i,
  /(exec: ".*"|open executable|exec container process).*no such file or directory/i,
  /chdir .*no such file or directory/i,
];
const NOT_ALLOWED = [
  /(exec: ".*"|open executable|exec container process).*(permission denied|operation not permitted|is a directory|exec format error)/i,
  /chdir .*permission denied/i,
];

/**
 * @param exists whether the executable is there. Asked where the message says that it may not be run: both
 * runtimes say so of some files that are missing (crun 1.8: `open executable: Operation not permitted`).
 */
export function refusalOf(message: string, exists: () => boolean): RuntimeRefusal {
  if (NOT_FOUND.some((pattern) => pattern.test(message))) return "not-found";
  if (NOT_ALLOWED.some((pattern) => pattern.test(message))) return exists() ? "not-executable" : "not-found";
  return "other";
}

/** As in the kernel: so many symbolic links in one path are a loop. */
const LINK_LIMIT = 40;

/** Whether `path` exists for a process whose root is `root`: links that start with a slash start there. */
export function existsWithin(root: string, path: string): boolean {
  const rest = path.split("/");
  let at: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const part = rest.shift() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at.pop();
      continue;
    }
    const here = join(root, ...at, part);
    const target = lookAt(here);
    if (target === undefined) return false;
    if (target === null) {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > LINK_LIMIT) return false;
    if (target.startsWith("/")) at = [];
    rest.unshift(...target.split("/"));
  }
  return true;
}

/** A link's target; null for what is no link; undefined for nothing. */
function lookAt(path: string): string | null | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return undefined;
  }
}
