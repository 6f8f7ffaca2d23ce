import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { howToInstall, requireProgram, run } from "../../src/container/process/programs.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import { silent } from "../../src/lib/log.ts";
import { findProgram } from "../../src/lib/programs.ts";
import { Reactor } from "../../src/linux/reactor.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-programs-"));
const reactor = new Reactor((error) => {
  throw error;
});
after(async () => {
  await reactor.close();
  rmSync(directory, { recursive: true });
});

test("by name on PATH, by path as it is, and only what can be run", () => {
  const tool = join(directory, "tool");
  writeFileSync(tool, "#!/bin/sh\n");
  assert.equal(findProgram(tool), undefined);
  chmodSync(tool, 0o755);
  assert.equal(findProgram(tool), tool);
  assert.match(findProgram("sh") ?? "", /\/sh$/);
  assert.equal(findProgram("no-such-program"), undefined);
});

test("what is missing is named with how to get it", async () => {
  assert.match(
    howToInstall("crun"),
    /^(apt-get install|dnf install|zypper install|pacman -S|apk add|install) crun$/,
  );
  assert.throws(() => requireProgram("no-such-program"), {
    kind: "unavailable",
    message: `no-such-program is not installed: ${howToInstall("no-such-program")}`,
  });
  await assert.rejects(startSupervisor({ execRoot: directory, logger: silent, runtime: "no-such-runtime" }), {
    kind: "unavailable",
    message: /no-such-(runtime|program)|conmon/,
  });
});

test("what a program said, and how it ended", async () => {
  const ran = await run(reactor, requireProgram("sh"), ["-c", "echo out; echo err >&2; exit 4"]);
  assert.deepEqual(ran, { code: 4, stdout: "out", stderr: "err" });
  assert.equal((await run(reactor, requireProgram("sh"), ["-c", "kill -9 $$"])).code, 137);
  await assert.rejects(run(reactor, join(directory, "nothing"), []), { kind: "unavailable" });
});
