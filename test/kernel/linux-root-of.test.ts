/** Files of a process that has them as it likes: links out of its root, pipes, files without end. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readInRootOf } from "../../src/linux/root-of.ts";
import { needsRoot } from "../support/root.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-root-"));
const root = join(directory, "root");
let child: ChildProcess;

before(async () => {
  mkdirSync(join(root, "etc"), { recursive: true });
  mkdirSync(join(root, "bin"));
  execFileSync("cp", ["/bin/busybox", join(root, "bin/busybox")]);
  writeFileSync(join(directory, "secret"), "of the host");
  writeFileSync(join(root, "etc/hosts"), "10.0.0.7 db\n");
  symlinkSync("/etc/hosts", join(root, "etc/absolute"));
  symlinkSync("../../../../etc/hosts", join(root, "etc/climbing"));
  symlinkSync(join(directory, "secret"), join(root, "etc/leaving"));
  symlinkSync("round", join(root, "etc/round"));
  execFileSync("mkfifo", [join(root, "etc/pipe")]);
  writeFileSync(join(root, "etc/endless"), "10.0.0.8 first\n");
  truncateSync(join(root, "etc/endless"), 2 ** 33);
  child = spawn("chroot", [root, "/bin/busybox", "sh", "-c", "echo ready; read line"], { stdio: "pipe" });
  if (child.stdout) await once(child.stdout, "data");
});

after(() => {
  child?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

test("a process's files are those of its own root", (t) => {
  if (needsRoot(t)) return;
  const read = (name: string) => readInRootOf(child.pid ?? 0, `/etc/${name}`);
  for (const name of ["hosts", "absolute", "climbing"]) assert.equal(read(name), "10.0.0.7 db\n", name);
  for (const name of ["leaving", "round", "pipe", "absent", "hosts/x", ""])
    assert.equal(read(name), undefined, name);
  assert.match(read("endless") ?? "", /^10\.0\.0\.8 first\n/);
  assert.ok((read("endless") ?? "").length < 2 ** 24);
  assert.equal(readInRootOf(2 ** 22 + 1, "/etc/hosts"), undefined);
});
