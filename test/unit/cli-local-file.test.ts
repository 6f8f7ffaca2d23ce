import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { openLocal } from "../../src/cli/local-file.ts";

test("a local file that is not there is refused in Docker's words", async () => {
  await assert.rejects(openLocal("/nosuch/file"), {
    name: "ExitError",
    message: "open /nosuch/file: no such file or directory",
  });
  await assert.rejects(openLocal(`${import.meta.filename}/x`), {
    message: `open ${import.meta.filename}/x: not a directory`,
  });
});

test("one that is there is read", async () => {
  assert.match(await text(await openLocal(import.meta.filename)), /is read/);
});
