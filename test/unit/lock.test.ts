import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lockFile } from "../../src/linux/lock.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-lock-"));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, "lock");

test("one holder, named to the next, until it lets go", () => {
  const lock = lockFile(path);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  assert.throws(() => lockFile(path), {
    kind: "conflict",
    message: new RegExp(`${path} .*\\(pid ${process.pid}\\)`),
  });
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  lock.release();
  lock.release();
  lockFile(path).release();
});

test("a child does not inherit it", () => {
  const lock = lockFile(path);
  const { stdout } = spawnSync("ls", ["-l", "/proc/self/fd"], { encoding: "utf8" });
  assert.ok(!stdout.includes(path));
  lock.release();
});

test("no directory, no lock", () => {
  assert.throws(() => lockFile(join(directory, "no/lock")), { code: "ENOENT" });
});
