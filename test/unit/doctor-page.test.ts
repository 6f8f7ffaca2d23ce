import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { ALL_CHECKS } from "../../src/doctor/checks/all.ts";
import type { Check } from "../../src/doctor/types.ts";

const PAGE = join(import.meta.dirname, "../../docs/doctor.md");
const BEGIN = "<!-- checks: written by UPDATE_DOCS=1 node --test test/unit/doctor-page.test.ts -->";
const END = "<!-- end of checks -->";

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** `[moby/moby#40217](https://…)`, with what it is called shown on hover. */
function reportLink({ title, url }: Check["reports"][number]): string {
  const [, repository, number] =
    /^https:\/\/github\.com\/([^/]+\/[^/]+)\/(?:issues|pull)\/(\d+)$/.exec(url) ?? [];
  return `[${repository}#${number}](${url} "${title.replaceAll('"', "'")}")`;
}

const table = (): string =>
  [
    "| check | holds where | where people met it |",
    "| --- | --- | --- |",
    ...ALL_CHECKS.map(
      ({ name, title, reports }) =>
        `| \`${name}\` | ${cell(title)} | ${cell(reports.map(reportLink).join(", "))} |`,
    ),
  ].join("\n");

test("docs/doctor.md lists the checks that there are (UPDATE_DOCS=1 writes them anew)", () => {
  const page = readFileSync(PAGE, "utf8");
  const [before = "", rest = ""] = page.split(BEGIN);
  const [, after = ""] = rest.split(END);
  const wanted = `${before}${BEGIN}\n\n${table()}\n\n${END}${after}`;
  if (process.env.UPDATE_DOCS) writeFileSync(PAGE, wanted);
  assert.equal(readFileSync(PAGE, "utf8"), wanted);
});

test("each check names a public report, by its own address", () => {
  for (const { name, reports } of ALL_CHECKS) {
    assert.ok(reports.length > 0, `${name} names none`);
    for (const { title, url } of reports) {
      assert.match(url, /^https:\/\/github\.com\/[^/]+\/[^/]+\/(issues|pull)\/\d+$/);
      assert.ok(title.length > 5, url);
    }
  }
});
