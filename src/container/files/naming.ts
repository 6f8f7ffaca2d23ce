/**
 * Paths as `docker cp` writes them, and what they are called in an archive. Pure; all are byte strings, one
 * character a byte.
 */
import { posix } from "node:path";

export interface Asked {
  /** Absolute, without `.`, `..` and a slash at its end. */
  readonly path: string;
  /** As Docker's errors show it: the slash or `/.` at its end kept. */
  readonly shown: string;
  /** By a slash or `/.` at its end: it must be a directory, and a link there is followed. */
  readonly directory: boolean;
  /** What the archive calls it: `.` for a path that ends so, the empty text for the root itself. */
  readonly archived: string;
  /** The last part of what was asked for; `/` and `.` for those. */
  readonly base: string;
}

/** The last part, as Go's filepath.Base: slashes at the end are none of it. */
export function baseOf(path: string): string {
  if (path === "") return ".";
  const bare = path.replace(/\/+$/, "");
  return bare === "" ? "/" : (bare.split("/").at(-1) ?? "");
}

/** @param given as the client wrote it; relative is from the root */
export function askedPath(given: string): Asked {
  const clean = posix.normalize(`/${given}`).replace(/\/+$/, "");
  const path = clean || "/";
  const dot = baseOf(given) === ".";
  const slash = given.endsWith("/");
  const shown = `${clean}${dot ? "/." : ""}${slash || (clean === "" && !dot) ? "/" : ""}`;
  const base = dot ? "." : baseOf(path);
  return { path, shown, directory: dot || slash || clean === "", archived: base === "/" ? "" : base, base };
}

/** Name of a thing within the directory that was asked for: `rest` is its path from there, empty for itself. */
export function archivedName(archived: string, rest: string, directory: boolean): string {
  const name = rest === "" ? archived : `${archived}/${rest}`;
  return directory ? `${name}/` : name;
}

/**
 * The parts of an archived name, from where it is unpacked; none for that directory itself.
 * @returns undefined where it leads out
 */
export function partsOf(name: string): readonly string[] | undefined {
  // As Docker: what begins with a slash begins where it is unpacked, and only then `..` ends there.
  const clean = posix.normalize(name || ".");
  const parts = clean.split("/").filter((part) => part !== "" && part !== ".");
  return parts[0] === ".." ? undefined : parts;
}

/** Whether a link's relative target, read from its own directory, stays where it is unpacked. */
export function staysWithin(directory: readonly string[], target: string): boolean {
  return partsOf(posix.join(...directory, ".", toRelative(target))) !== undefined;
}

/** An absolute target is read as Docker reads it: from the link's own directory. */
const toRelative = (target: string): string => target.replace(/^\/+/, "");
