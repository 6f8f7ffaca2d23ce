import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  existsWithin,
  RuntimeError,
  refusalOf,
  runtimeMessage,
} from "../../src/container/process/refusal.ts";
import { startFailure } from "../../src/container/start-failure.ts";

const runc = (message: string) => `time="2026-01-01T00:00:00Z" level=error msg=${JSON.stringify(message)}`;

test("the message without what the runtimes put around it", () => {
  assert.equal(runtimeMessage(runc('exec: "x": not "found"')), 'exec: "x": not "found"');
  assert.equal(
    runtimeMessage(`time="…" level=warning msg="later"\n${runc("first")}\n${runc("last")}\n`),
    "last",
  );
  assert.equal(runtimeMessage("2026-01-01T00:00:00.000000Z: no such thing\n"), "no such thing");
  assert.equal(runtimeMessage("executable file `x` not found"), "executable file `x` not found");
  assert.equal(runtimeMessage(""), "");
});

/** As crun 1.8 and runc 1.1 say it; the third: whether the file is there. */
const CASES = [
  ["executable file `nope` not found in $PATH: No such file or directory", "not-found", true],
  ["open executable: Permission denied", "not-executable", true],
  ["open executable: Operation not permitted", "not-found", false],
  ["open executable: Operation not permitted", "not-executable", true],
  [
    'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH',
    "not-found",
    true,
  ],
  [
    'unable to start container process: exec: "/nope": stat /nope: no such file or directory',
    "not-found",
    true,
  ],
  ['exec failed: unable to start container process: exec: "/bin": permission denied', "not-executable", true],
  ['exec failed: unable to start container process: exec: "/nope": permission denied', "not-found", false],
  ["unable to start container process: exec /bin/x: exec format error", "other", true],
  ['chdir to cwd ("/nope") set in config.json failed: no such file or directory', "not-found", true],
  ["error stat'ing file `/nope`: No such file or directory", "other", true],
  ['error mounting "/nope" to rootfs at "/x": stat /nope: no such file or directory', "other", true],
] as const;

test("refusals by message", () => {
  for (const [message, refusal, exists] of CASES) {
    assert.equal(
      refusalOf(message, () => exists),
      refusal,
      message,
    );
  }
});

test("a path as a process with another root sees it", () => {
  const root = mkdtempSync(join(tmpdir(), "drawbridge-root-"));
  after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  writeFileSync(join(root, "usr/bin/tool"), "");
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("/usr/bin/tool", join(root, "absolute"));
  symlinkSync("../../../usr/bin/tool", join(root, "usr/bin/up"));
  symlinkSync("loop", join(root, "loop"));
  symlinkSync("/etc/passwd", join(root, "outside"));
  for (const path of ["/bin/tool", "/absolute", "/bin/up", "bin/../bin/./tool", "/"]) {
    assert.equal(existsWithin(root, path), true, path);
  }
  for (const path of ["/nope", "/loop", "/outside", "/bin/tool/x", "/../etc/passwd"]) {
    assert.equal(existsWithin(root, path), false, path);
  }
});

test("of what a runtime refuses for no reason of the program's, some is the asker's fault", () => {
  const kindFor = (message: string) => {
    const { error, exitCode } = startFailure(new RuntimeError("other", message), "sh");
    return [Reflect.get(error, "kind"), exitCode];
  };
  assert.deepEqual(kindFor("failed open()ing /dev/null: No such file or directory"), ["invalid", 128]);
  assert.deepEqual(kindFor("failed open()ing /dev/null: Permission denied"), ["invalid", 128]);
  assert.deepEqual(kindFor("mount `/file` to `dir`: Not a directory"), ["invalid", 128]);
  assert.deepEqual(kindFor("mount `tmpfs` to `t`: No space left on device"), ["internal", 128]);
});
