import process from "node:process";
import type { TestContext } from "node:test";

export const NEEDS_ROOT = "needs root: it makes namespaces, links and mounts";

export const isRoot = (): boolean => process.geteuid?.() === 0;

/** Skip the test, in one line, where it can't be privileged. @returns whether it was skipped */
export function needsRoot(test: TestContext): boolean {
  if (isRoot()) return false;
  test.skip(NEEDS_ROOT);
  return true;
}

/** For `describe`: the reason to skip a whole suite, or false. */
export const withoutRoot: string | false = isRoot() ? false : NEEDS_ROOT;
