/** What is missing in a container's tree, made on the way. */
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { childOf, openInRoot } from "../../linux/openat2.ts";
import { withDescriptor } from "./descriptors.ts";

const isMissing = (thrown: unknown): boolean => codeOf(thrown) === "ENOENT";

function unlessThere(make: () => void): void {
  try {
    make();
  } catch (thrown) {
    if (codeOf(thrown) !== "EEXIST") throw thrown;
  }
}

/** @param path a byte string. @returns a descriptor as by O_PATH. @throws KernelError, Error of node:fs */
export function ensureInRoot(root: number, path: string, kind: "directory" | "file"): number {
  try {
    return openInRoot(root, path, { follow: true });
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
  }
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const name = parts.at(-1);
  if (name === undefined || name === "..") return openInRoot(root, path, { follow: true });
  withDescriptor(ensureInRoot(root, parts.slice(0, -1).join("/"), "directory"), (parent) => {
    if (kind === "directory") unlessThere(() => mkdirSync(childOf(parent, name), 0o755));
    else {
      const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
      unlessThere(() =>
        closeSync(openSync(childOf(parent, name), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o644)),
      );
    }
  });
  // A link to nothing stays one: where it leads is not ours to make.
  return openInRoot(root, path, { follow: true });
}
