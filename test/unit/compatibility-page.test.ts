import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { compatibilityPage } from "../../compat/page.ts";

const PAGE = join(import.meta.dirname, "../../docs/compatibility.md");

test("docs/compatibility.md says what there is (UPDATE_DOCS=1 writes it anew)", async () => {
  const page = await compatibilityPage();
  if (process.env.UPDATE_DOCS) writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, "utf8"), page);
});

test("no call of Docker's is unknown here", async () => {
  const page = await compatibilityPage();
  assert.doesNotMatch(page, /\| 404 \|$/m);
});
