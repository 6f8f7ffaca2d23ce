import assert from "node:assert/strict";
import { test } from "node:test";
import { hasExceptions, ignoreMatcher } from "../../src/lib/ignore-patterns.ts";

const cases: readonly (readonly [patterns: string, ignored: readonly string[], kept: readonly string[]])[] = [
  ["node_modules", ["node_modules", "node_modules/a/b"], ["src/node_modules", "node_modules2"]],
  ["**/node_modules", ["node_modules", "a/b/node_modules/c"], ["a/node_module"]],
  ["*.md\n!README.md", ["a.md"], ["README.md", "docs/a.md"]],
  ["# *.md\n\n  /a/./b/  ", ["a/b", "a/b/c"], ["a", "x.md"]],
  ["*\n!src/keep", ["a", "src", "src/x"], ["src/keep", "src/keep/x"]],
  ["a?c[0-9]", ["abc1"], ["abc", "a/c1", "abcx"]],
  ["docs/**", ["docs/a", "docs/a/b"], ["docs"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["x.(y)+", ["x.(y)+"], ["xa(y)+", "x.y"]],
  ["[z-a]", [], ["[z-a]", "b"]],
  ["[^a]x\n[b-d]/é?", ["bx", "c/éß"], ["ax", "e/éß"]],
  ["a/**/b", ["a/b", "a/x/y/b/c"], ["a/xb", "ab"]],
  ["[", ["["], ["x"]],
  // What sends a matcher that tries one way after another round for ever.
  [`${"*a".repeat(40)}b`, [`${"a".repeat(200)}b`], ["a".repeat(200)]],
  [`${"**/".repeat(40)}b`, [`${"a/".repeat(100)}b`], [`${"a/".repeat(100)}c`]],
];

for (const [patterns, ignored, kept] of cases) {
  test(`.dockerignore ${JSON.stringify(patterns)}`, () => {
    const matches = ignoreMatcher(patterns);
    for (const path of ignored) assert.ok(matches(path), `${path} is left out`);
    for (const path of kept) assert.ok(!matches(path), `${path} is kept`);
  });
}

test("exceptions are known beforehand", () => {
  assert.ok(hasExceptions("*\n!a"));
  assert.ok(!hasExceptions("*\n# !a"));
});
