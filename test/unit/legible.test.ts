/** Names that others chose, on their way to a terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonText } from "../../src/cli/trace-options.ts";
import { legibleLines, legibleText } from "../../src/lib/legible.ts";
import { legible } from "../../src/trace/render/style.ts";

/** A title set, a line turned round, CSI as one letter, a line of Unicode's own, letters of no width. */
const HOSTILE = ["\u001b]0;x\u0007", "a\u202eb", "\u009b31m", "a\u2028b", "a\u200bb", "a\nb", "\u{e0041}"];
const COMMANDS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

test("nothing moves the cursor or turns letters round", () => {
  for (const text of HOSTILE) {
    assert.doesNotMatch(legibleText(text), COMMANDS);
    for (const unicode of [true, false]) {
      assert.doesNotMatch(legible({ unicode, colour: true, width: 80 }, text), COMMANDS);
    }
  }
  assert.equal(legibleText("größe 容器 → 7"), "größe 容器 → 7");
});

test("messages keep their lines", () => {
  assert.equal(legibleLines("a\n\tb\u001b[2Jc\r"), "a\n\tb?[2Jc?");
});

test("JSON for programs is the same value, and no command to a terminal", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...HOSTILE));
  fc.assert(
    fc.property(fc.dictionary(text, fc.array(text)), (value) => {
      const printed = jsonText(value);
      assert.doesNotMatch(printed.replaceAll("\n", ""), COMMANDS);
      assert.deepEqual(JSON.parse(printed), JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(jsonText(value, 0).trimEnd(), /\n/);
    }),
  );
});
