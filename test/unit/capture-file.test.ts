import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openCaptureFile } from "../../src/cli/capture-file.ts";
import { withoutRoot } from "../support/root.ts";

const directory = mkdtempSync(join(tmpdir(), "capture-file-"));
after(() => rmSync(directory, { recursive: true }));
const at = (name: string): string => join(directory, name);
const NOBODY = 65534;

/** As /tmp is. */
const shared = at("shared");
mkdirSync(shared);
chmodSync(shared, 0o1777);

test("a file is made for its owner alone, and an old one emptied", () => {
  closeSync(openCaptureFile(at("new")));
  assert.equal(statSync(at("new")).mode & 0o777, 0o600);
  writeFileSync(at("old"), "old");
  closeSync(openCaptureFile(at("old")));
  assert.equal(readFileSync(at("old"), "utf8"), "");
});

test("a symbolic link is not followed, and what it leads to stays as it was", () => {
  writeFileSync(at("precious"), "precious");
  symlinkSync(at("precious"), at("link"));
  assert.throws(() => openCaptureFile(at("link")), { status: 1, message: /: it is a symbolic link$/ });
  assert.equal(readFileSync(at("precious"), "utf8"), "precious");
});

test("what is no file, or can't be, is refused", () => {
  assert.throws(() => openCaptureFile("/dev/null"), /it is no regular file/);
  assert.throws(() => openCaptureFile(at("nosuch/file")), /cannot write packets to .*ENOENT/);
});

test("another's file where all may write is a trap", { skip: withoutRoot }, () => {
  const trap = join(shared, "theirs");
  writeFileSync(trap, "theirs");
  chownSync(trap, NOBODY, NOBODY);
  assert.throws(() => openCaptureFile(trap), /cannot write packets to .*(another user's|EACCES)/);
  assert.equal(readFileSync(trap, "utf8"), "theirs");
});

test("so is a second name of a file from elsewhere", () => {
  writeFileSync(at("mine"), "mine");
  linkSync(at("mine"), join(shared, "second"));
  assert.throws(() => openCaptureFile(join(shared, "second")), /another user's/);
  assert.equal(readFileSync(at("mine"), "utf8"), "mine");
});
