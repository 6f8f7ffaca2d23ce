/**
 * Where an archived name leads within a tree, seen as a process would that has the tree as its root: `..`
 * stops at the root, absolute links begin there. A name or a link never leads outside.
 */
import { invalid } from "../lib/errors.ts";

/** What is at a path of the tree. */
export type Found = "directory" | "missing" | "other" | { readonly link: string };

/** The tree, as this needs it. Paths are components from its root. */
export interface Tree {
  find(path: readonly string[]): Found;
  makeDirectory(path: readonly string[]): void;
}

/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * The components of an archived name; none for the root itself. A leading slash means that root.
 * @throws invalid where it leads out
 */
export function componentsOf(name: string): string[] {
  if (name.includes("\0")) throw invalid(`tar entry ${JSON.stringify(name)}: a NUL in its name`);
  const components: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") components.push(part);
    else if (components.pop() === undefined) {
      throw invalid(`tar entry ${name}: its name leads out of the layer`);
    }
  }
  return components;
}

/**
 * The directory that `components` mean, without a link in its path; what is missing is made.
 * @throws invalid where something on the way is neither directory nor link, or links go round in circles
 */
export function resolveDirectory(tree: Tree, components: readonly string[]): string[] {
  let at: string[] = [];
  const ahead = components.toReversed();
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at.pop();
      continue;
    }
    const path = [...at, part];
    const found = tree.find(path);
    if (found === "other") throw invalid(`${path.join("/")} is not a directory`);
    if (typeof found === "object") {
      links += 1;
      if (links > MOST_LINKS) throw invalid(`too many symbolic links at ${path.join("/")}`);
      if (found.link.startsWith("/")) at = [];
      ahead.push(...found.link.split("/").reverse());
      continue;
    }
    if (found === "missing") tree.makeDirectory(path);
    at = path;
  }
  return at;
}
