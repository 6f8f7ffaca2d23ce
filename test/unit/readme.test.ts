/** The README in two languages says one thing: the same blocks in the same order, and what no language changes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** `heading 2`, `code`, `table`, `item` or `prose`, and the lines of it. */
interface Block {
  readonly kind: string;
  readonly text: string;
}

const kindOf = (text: string): string => {
  if (text.startsWith("```")) return "code";
  const hashes = /^#+(?= )/.exec(text)?.[0];
  if (hashes) return `heading ${hashes.length}`;
  if (text.startsWith("|")) return "table";
  return text.startsWith("- ") ? "item" : "prose";
};

/** Fenced code is one block whatever is in it, an item of a list is one, and what blank lines part is the rest. */
const blocksOf = (markdown: string): Block[] =>
  markdown
    .split(/^(```[\s\S]*?^```$)/m)
    .flatMap((part) => (part.startsWith("```") ? [part] : part.split(/\n{2,}|\n(?=- )/)))
    .map((part) => part.trim())
    .filter((text) => text !== "")
    .map((text) => ({ kind: kindOf(text), text }));

const cellsOf = (table: string): string[][] =>
  table.split("\n").map((row) => row.split(/(?<!\\)\|/).slice(1, -1));

const all = (text: string, pattern: RegExp): string[] => text.match(pattern) ?? [];

const codeIn = (text: string): string[] => all(text, /`[^`]+`/g).toSorted();
const linksIn = (text: string): string[] => all(text, /(?<=\]\()[^)]+/g);
const numbersIn = (text: string): string[] => all(text, /\d[\d.,:]*\d|\d/g).toSorted();

const FILES = ["README.md", "README.zh-CN.md"] as const;
const english = blocksOf(read("README.md"));
const chinese = blocksOf(read("README.zh-CN.md"));
const pairs = english.map((block, i) => [block, chinese[i] ?? { kind: "nothing", text: "" }] as const);
const pairsOf = (kind: string) => pairs.filter(([{ kind: own }]) => own === kind);

describe("README.md and README.zh-CN.md", () => {
  test("have the same headings, paragraphs, lists, tables and code, in the same order", () => {
    const opening = ({ kind, text }: Block) => `${kind}: ${text.slice(0, 40)}`;
    const apart = pairs.find(([left, right]) => left.kind !== right.kind);
    assert.equal(apart?.map(opening).join("\n"), undefined);
    assert.equal(chinese.length, english.length);
  });

  test("show the same commands and outputs", () => {
    assert.ok(pairsOf("code").length > 0);
    for (const [left, right] of pairsOf("code")) assert.equal(right.text, left.text);
  });

  test("have the same numbers in tables of the same shape", () => {
    assert.ok(pairsOf("table").length > 0);
    for (const [left, right] of pairsOf("table")) {
      const [here, there] = [cellsOf(left.text), cellsOf(right.text)];
      const shape = (rows: string[][]) => rows.map((row) => row.length);
      assert.deepEqual(shape(there), shape(here), right.text);
      here.forEach((row, y) => {
        row.forEach((cell, x) => {
          const other = there[y]?.[x] ?? "";
          assert.deepEqual(numbersIn(other), numbersIn(cell), `${cell} ≠ ${other}`);
        });
      });
    }
  });

  test("name the same things as code, and every number of the one is in the other", () => {
    for (const [left, right] of pairs.filter(([{ kind }]) => kind !== "code")) {
      assert.deepEqual(codeIn(right.text), codeIn(left.text), right.text);
      const missing = numbersIn(left.text).filter((number) => !numbersIn(right.text).includes(number));
      assert.deepEqual(missing, [], right.text);
    }
  });

  test("lead to the same places", () => {
    for (const [left, right] of pairs) assert.deepEqual(linksIn(right.text), linksIn(left.text), right.text);
  });

  for (const file of FILES) {
    test(`${file}: what it leads to is there`, () => {
      const local = blocksOf(read(file))
        .filter(({ kind }) => kind !== "code")
        .flatMap(({ text }) => linksIn(text))
        .filter((link) => !/^[a-z]+:/.test(link));
      assert.ok(local.length > 0);
      for (const link of local) {
        const [path = "", anchor] = link.split("#");
        assert.ok(path === "" || existsSync(join(ROOT, path)), link);
        if (anchor !== undefined) assert.ok(anchorsOf(path || file).includes(anchor), link);
      }
    });
  }
});

/** As GitHub makes them of headings: lower case, hyphens for spaces, without punctuation. */
const anchorsOf = (file: string): string[] =>
  blocksOf(read(file))
    .filter(({ kind }) => kind.startsWith("heading"))
    .map(({ text }) =>
      text
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    );
