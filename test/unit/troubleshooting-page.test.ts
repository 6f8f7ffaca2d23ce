import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { SECTIONS } from "../support/setups.ts";
import { HEALTHY } from "../support/setups-healthy.ts";
import { troubleshootingPage } from "../support/setups-page.ts";

const PAGE = join(import.meta.dirname, "../../docs/troubleshooting.md");

test("docs/troubleshooting.md is the table of set-ups (UPDATE_DOCS=1 writes it anew)", () => {
  const page = troubleshootingPage();
  if (process.env.UPDATE_DOCS) writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, "utf8"), page);
});

test("forty broken set-ups at least, each with a title of its own, and twenty healthy ones", () => {
  const titles = SECTIONS.flatMap(({ setups }) => setups.map(({ title }) => title));
  assert.ok(titles.length >= 40, `${titles.length}`);
  assert.equal(new Set(titles).size, titles.length);
  assert.ok(HEALTHY.length >= 20, `${HEALTHY.length}`);
});
