/**
 * `npm test`: lint, types, all tests, and a look at what they left on the machine.
 * `npm test -- test/unit test/kernel/host.test.ts`: only those tests, without lint and types.
 *
 * With CI=true a skipped test is a failure: everything must have run somewhere.
 */
import { spawnSync } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { setTimeout as sleep } from "node:timers/promises";
import { standing } from "./leaks.ts";

const root = join(import.meta.dirname, "..");
const PATIENCE = 10_000;
/** Of one file. */
const TIME_LIMIT = 120_000;
/** One more than there are processors: much of a test's time it waits for the kernel, or for time to pass. */
const CONCURRENCY = Math.max(2, availableParallelism() + 1);

function check(command: string, args: readonly string[]): boolean {
  console.log(`> ${[command, ...args].join(" ")}`);
  const { status, error } = spawnSync(join(root, "node_modules/.bin", command), args, {
    cwd: root,
    stdio: "inherit",
  });
  if (error) throw error;
  return status === 0;
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return globSync("**/*.test.ts", { cwd: path }).map((file) => join(path, file));
}

/** @returns whether all went well */
async function runTests(files: readonly string[]): Promise<boolean> {
  const skipped: string[] = [];
  let success = false;
  const events = run({ files, concurrency: CONCURRENCY, timeout: TIME_LIMIT });
  events.on("test:pass", ({ name, file, skip }) => {
    if (skip !== undefined) skipped.push(`${relative(root, file ?? "")}: ${name}`);
  });
  events.on("test:summary", (summary) => {
    // One a file, and without a file that of all.
    if (summary.file === undefined) success = summary.success && summary.counts.tests > 0;
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  if (process.env.CI !== "true" || skipped.length === 0) return success;
  console.error(`✖ skipped, which CI does not allow:\n${skipped.map((name) => `  ${name}`).join("\n")}`);
  return false;
}

/** Some things go a moment after the test that made them: wait for them, within reason. */
async function nothingLeft(before: ReadonlySet<string>): Promise<boolean> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const left = [...standing()].filter((what) => !before.has(what));
    if (left.length === 0) return true;
    if (Date.now() > deadline) {
      console.error(`✖ left on the machine:\n${left.map((what) => `  ${what}`).join("\n")}`);
      return false;
    }
    await sleep(100);
  }
}

const paths = process.argv.slice(2);
const files = (paths.length > 0 ? paths : [join(root, "test")]).flatMap(filesOf).sort();
if (files.length === 0) {
  console.error(`no tests in ${paths.join(" ")}`);
  process.exit(1);
}
// Type stripping is a third of a small file's time.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/compile");

const before = standing();
const sound = paths.length > 0 || [check("biome", ["check"]), check("tsc", [])].every(Boolean);
const passed = await runTests(files);
const clean = await nothingLeft(before);
process.exitCode = sound && passed && clean ? 0 : 1;
