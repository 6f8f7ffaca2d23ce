/** How the command line ends where its output can't go on, or its words are too many. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const BIN = join(import.meta.dirname, "../../bin/drawbridge");

test("a full disk is told of, in a line, and is no success", () => {
  const full = openSync("/dev/full", "w");
  try {
    const { status, stderr } = spawnSync(BIN, ["--help"], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    assert.equal(status, 125);
    assert.match(stderr, /^drawbridge: cannot write to standard output: ENOSPC.*\n$/);
  } finally {
    closeSync(full);
  }
});

test("too many words for doctor do not end as if something were broken", () => {
  const { status, stderr } = spawnSync(BIN, ["doctor", "a", "b"], { encoding: "utf8" });
  assert.equal(status, 125);
  assert.match(stderr, /^drawbridge: 'drawbridge doctor' requires at most 1 argument\n/);
});
