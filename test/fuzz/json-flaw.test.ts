import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonFlaw } from "../../src/api/json-flaw.ts";

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** JSON, with a character or two of it changed, taken out or put in. */
const damaged = fc
  .tuple(fc.json(), fc.nat(), fc.nat(3), fc.constantFrom("", "{", '"', ",", "\\", "0", "e", "\n", "}"))
  .map(([text, at, cut, put]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + put + text.slice(place + cut);
  });

test("a flaw is found in what is no JSON, and in nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), damaged, fc.string()), (text) => {
      assert.equal(jsonFlaw(text) === undefined, isJson(text), JSON.stringify(text));
    }),
    { numRuns: 2_000 },
  );
});

test("flaws in the words of Go's encoding/json", () => {
  const flaws: Readonly<Record<string, string>> = {
    "{invalid json": "invalid JSON: invalid character 'i' looking for beginning of object key string",
    "{} trailing": "unexpected content after JSON",
    '{"a":': "invalid JSON: unexpected EOF",
    '{"a":tru}': "invalid JSON: invalid character '}' in literal true (expecting 'e')",
    "[1 2]": "invalid JSON: invalid character '2' after array element",
    '{"a" 1}': "invalid JSON: invalid character '1' after object key",
    x: "invalid JSON: invalid character 'x' looking for beginning of value",
  };
  for (const [text, flaw] of Object.entries(flaws)) assert.equal(jsonFlaw(text), flaw);
});
