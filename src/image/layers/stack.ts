/** Directories on top of each other as overlayfs shows them, read without mounting anything. */
import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { hiddenBy, isOpaque, isWhiteout } from "./whiteout.ts";

/** Names and paths are byte strings where they are text: one character a byte. */
export interface Node {
  readonly name: string;
  /** Where the topmost of that name is. */
  readonly path: Buffer;
  readonly stat: fs.Stats;
  /** Of a directory: all that show in it, top first. */
  readonly directories: readonly Buffer[];
}

export const below = (directory: Buffer, name: string): Buffer =>
  Buffer.concat([directory, Buffer.from("/"), Buffer.from(name, "latin1")]);

/** What shows in `directories`, top first, in order of name. */
export function nodesOf(directories: readonly Buffer[]): Map<string, Node> {
  const found = new Map<string, Node & { directories: Buffer[] }>();
  /** Names that nothing further down can add to. */
  const closed = new Set<string>();
  for (const directory of directories) {
    const hidden: string[] = [];
    for (const name of namesIn(directory)) {
      const mark = hiddenBy(name);
      if (mark !== undefined) hidden.push(mark);
      if (mark !== undefined || closed.has(name)) continue;
      const path = below(directory, name);
      // Gone by now, where a container is at work.
      const stat = fs.lstatSync(path, { throwIfNoEntry: false });
      if (!stat) continue;
      const above = found.get(name);
      if (!stat.isDirectory()) {
        closed.add(name);
        if (!above && !isWhiteout(stat)) found.set(name, { name, path, stat, directories: [] });
        continue;
      }
      if (above) above.directories.push(path);
      else found.set(name, { name, path, stat, directories: [path] });
      if (isOpaque(path)) closed.add(name);
    }
    for (const name of hidden) closed.add(name);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** In order. */
export function namesIn(directory: Buffer): string[] {
  try {
    return fs.readdirSync(directory, { encoding: "latin1" }).sort();
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
