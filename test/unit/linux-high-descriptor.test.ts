import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { FD_SETSIZE, raise } from "../../src/linux/high-descriptor.ts";

test("a descriptor gets a high number, is the same file, and is not inherited", () => {
  const low = openSync("/dev/null", "r");
  const high = raise(low);
  assert.ok(high >= FD_SETSIZE);
  assert.throws(() => fstatSync(low), { code: "EBADF" });
  assert.equal(readlinkSync(`/proc/self/fd/${high}`), "/dev/null");
  assert.match(readFileSync(`/proc/self/fdinfo/${high}`, "utf8"), /^flags:\s+02/m); // O_CLOEXEC
  assert.equal(raise(high), high);
  closeSync(high);
});

test("what is no descriptor is an error", () => {
  assert.throws(() => raise(1000), { code: "EBADF" });
});

test("where no high number is to be had it keeps its own", () => {
  const program = `
    import { openSync } from "node:fs";
    import { raise } from "${import.meta.dirname}/../../src/linux/high-descriptor.ts";
    const fd = openSync("/dev/null", "r");
    process.stdout.write(String(raise(fd) === fd));
  `;
  const args = ["--nofile=1024", process.execPath, "--input-type=module", "-e", program];
  assert.equal(execFileSync("prlimit", args, { encoding: "utf8" }), "true");
});
