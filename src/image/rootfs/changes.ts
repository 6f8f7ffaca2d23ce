/** What a container changed, by Docker's rules (moby, archive.ChangesDirs). */

import { lstatSync, type Stats } from "node:fs";
import { toText } from "../../lib/byte-names.ts";
import { codeOf } from "../../lib/errors.ts";
import { makePace } from "../../lib/pace.ts";
import { getXattr } from "../../linux/xattr.ts";
import { below, type Node, namesIn, nodesOf } from "../layers/stack.ts";
import type { Item } from "../layers/tree-tar.ts";
import { isOpaque, isWhiteout, WHITEOUT } from "../layers/whiteout.ts";
import type { FilesystemChange } from "../types.ts";
import { MOUNT_FILES } from "./init-layer.ts";

/** A container's own files, and what they lie on. */
export interface Stack {
  readonly own: Buffer;
  /** All that the container shows is in `own`: what is not there was deleted. */
  readonly whole: boolean;
  /** Top first. */
  readonly below: readonly Buffer[];
}

/** `name` is a byte string, from the root and without a slash before it. */
export type Change =
  | {
      readonly kind: "added" | "modified";
      readonly name: string;
      readonly path: Buffer;
      readonly stat: Stats;
    }
  | { readonly kind: "deleted"; readonly name: string };

/** In order of name, directories before what is in them. */
export function changesOf(stack: Stack): Promise<Change[]> {
  const pace = makePace();

  /** @param whole what `own` does not have was deleted */
  async function inDirectory(
    own: Buffer,
    whole: boolean,
    lower: readonly Buffer[],
    prefix: string,
  ): Promise<Change[]> {
    const old = lower.length > 0 ? nodesOf(lower) : new Map<string, Node>();
    const here = new Set(namesIn(own));
    const names = whole ? [...new Set([...here, ...old.keys()])].sort() : [...here];
    const changes: Change[] = [];
    for (const each of names) {
      await pace();
      const name = prefix + each;
      const was = old.get(each);
      const path = below(own, each);
      const stat = here.has(each) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
      if (!stat || isWhiteout(stat)) {
        if (was) changes.push({ kind: "deleted", name });
        continue;
      }
      if (isMountPoint(name, stat) && (!was || isMountPoint(name, was.stat))) continue;
      const inside = stat.isDirectory()
        ? await inDirectory(path, whole || isOpaque(path), was?.directories ?? [], `${name}/`)
        : [];
      if (!was) changes.push({ kind: "added", name, path, stat });
      else if (inside.length > 0 || differs(was, { path, stat })) {
        changes.push({ kind: "modified", name, path, stat });
      }
      for (const change of inside) changes.push(change);
    }
    return changes;
  }

  return inDirectory(stack.own, stack.whole, stack.below, "");
}

/** What the runtime made to mount something on, and nobody wrote: dockerd never tells of these. */
const isMountPoint = (name: string, stat: Stats): boolean =>
  MOUNT_FILES.has(name) && stat.isFile() && stat.size === 0;

/** A directory's size and time change with what is in it, which is told of itself. */
function differs(was: Pick<Node, "path" | "stat">, is: Pick<Node, "path" | "stat">): boolean {
  const [a, b] = [was.stat, is.stat];
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.rdev !== b.rdev) return true;
  if (!a.isDirectory() && (a.size !== b.size || a.mtimeMs !== b.mtimeMs)) return true;
  return !capabilityOf(was.path).equals(capabilityOf(is.path));
}

function capabilityOf(path: Buffer): Buffer {
  try {
    return getXattr(path, "security.capability");
  } catch (thrown) {
    if (["ENODATA", "EOPNOTSUPP", "ENOENT"].includes(codeOf(thrown) ?? "")) return Buffer.alloc(0);
    throw thrown;
  }
}

export const shownChange = ({ kind, name }: Change): FilesystemChange => ({
  kind,
  path: `/${toText(name)}`,
});

/** As a layer's tar says it. */
export function* itemsOf(changes: readonly Change[]): Generator<Item> {
  for (const change of changes) {
    if (change.kind !== "deleted") yield change;
    else yield { mark: change.name.replace(/[^/]*$/, (name) => WHITEOUT + name) };
  }
}
