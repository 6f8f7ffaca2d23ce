/** Where a link leads within a container's tree, as far as there is something: Docker's `linkTarget`. */
import { posix } from "node:path";
import { codeOf, invalid } from "../../lib/errors.ts";
import { linkTargetOf, openInRoot } from "../../linux/openat2.ts";
import { withDescriptor } from "./descriptors.ts";

/** As many as Docker follows. */
const MOST_LINKS = 255;

/** The target of the link at `path`; undefined where it is none, or not there. */
function linkAt(root: number, path: string): string | undefined {
  try {
    return withDescriptor(openInRoot(root, path), targetIfLink);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** readlinkat(2) with an empty path answers EINVAL or ENOENT for what is no link. */
function targetIfLink(descriptor: number): string | undefined {
  try {
    return linkTargetOf(descriptor);
  } catch (thrown) {
    if (["EINVAL", "ENOENT"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/**
 * The path that is left when all links in `path` are followed; what does not exist is taken as it is written.
 * @param path absolute, a byte string. @throws invalid for links that go round in circles
 */
export function followLinks(root: number, path: string): string {
  const ahead = path.split("/").reverse();
  let at = "/";
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "" || part === ".") continue;
    const next = posix.join(at, part);
    const target = part === ".." ? undefined : linkAt(root, next);
    if (target === undefined) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) throw invalid(`${path}: too many links`);
    if (target.startsWith("/")) at = "/";
    ahead.push(...target.split("/").reverse());
  }
  return at;
}
