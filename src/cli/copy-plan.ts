/** What `cp` does with a source and a destination, by what both are: Docker's rules. Pure. */
import { posix } from "node:path";

/** A word of the command line. */
export interface Place {
  /** Absent for a path of this machine. */
  readonly container?: string;
  readonly path: string;
}

/** What is at a place; `missing` for nothing. */
export type Found = "directory" | "other" | "missing";

/** An archive of `from` goes into `directory`, its first part called anew. */
export interface Copy {
  /** Of the source: where it lies, and its name there; `.` for its contents alone. */
  readonly from: { readonly directory: string; readonly name: string };
  /** Of the destination: a directory that must be there already. */
  readonly directory: string;
  readonly name: string;
}

/** `container:path`, a path, or `-`. One that begins with a dot or a slash is a path, whatever colons it has. */
export function parsePlace(word: string): Place {
  const colon = word.indexOf(":");
  if (colon < 0 || /^[./]/.test(word)) return { path: word };
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}

/** By its end it must be a directory. */
export const wantsDirectory = (path: string): boolean => /\/\.?$|^\.$/.test(path);

/** By its end it means what is in it, and not itself. */
export const wantsContents = (path: string): boolean => /(^|\/)\.$/.test(path);

const clean = (path: string): string => posix.normalize(path).replace(/(.)\/$/, "$1");

/** @throws Error in Docker's words */
export function planCopy(
  source: { readonly path: string; readonly found: Found },
  destination: { readonly path: string; readonly found: Found },
): Copy {
  const path = clean(source.path);
  const contents = wantsContents(source.path);
  const from = contents
    ? { directory: path, name: "." }
    : { directory: posix.dirname(path), name: posix.basename(path) };
  const to = clean(destination.path);
  if (destination.found === "directory") return { from, directory: to, name: from.name };
  if (source.found === "directory") {
    if (destination.found === "other" && !wantsDirectory(destination.path)) {
      throw new Error("cannot copy directory");
    }
  } else if (wantsDirectory(destination.path)) throw new Error("no such directory");
  return { from, directory: posix.dirname(to), name: posix.basename(to) };
}
