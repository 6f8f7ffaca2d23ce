import assert from "node:assert/strict";
import { closeSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { after, test } from "node:test";
import { Reactor } from "../../src/linux/reactor.ts";
import { openPipe, type Program, spawnProgram } from "../../src/linux/spawn.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const reactor = new Reactor((error) => {
  throw error;
});
after(() => reactor.close());

/** What a shell says on its standard output, and its status. */
async function shell(script: string, more: Partial<Program> = {}) {
  const out = openPipe("read");
  const child = spawnProgram(reactor, {
    path: "/bin/sh",
    args: ["-c", script],
    descriptors: ["null", out.write],
    ...more,
  });
  closeSync(out.write);
  let said = "";
  for await (const piece of new Socket({ fd: out.read, readable: true, writable: false })) said += piece;
  return { said: said.trim(), status: await child.ended, pid: child.pid };
}

test("environment, directory, and the status of an end", async () => {
  const { said, status } = await shell("echo $WORD; pwd; exit 7", { env: { WORD: "a word" }, cwd: "/proc" });
  assert.deepEqual([said, status], ["a word\n/proc", 7]);
  assert.equal((await shell("kill -9 $$")).status, 137);
});

test("a program has the descriptors that it was given, and no others", async () => {
  const { said } = await shell("ls /proc/$$/fd");
  assert.deepEqual(
    said.split("\n").filter((fd) => Number(fd) < 10), // a shell moves its script's to 10
    ["0", "1"],
  );
});

test("signals are as a program expects them, whatever the engine ignores", async () => {
  // Not the shell's own: it blocks all signals while it starts another program.
  const { said } = await shell("exec grep -E '^Sig(Blk|Ign):' /proc/self/status");
  assert.deepEqual(
    said.split("\n").map((line) => line.split(/\s+/)[1]),
    ["0000000000000000", "0000000000000000"],
  );
});

test("a session of its own", async () => {
  const { said, pid } = await shell("cut -d' ' -f6 /proc/$$/stat", { session: true });
  assert.equal(Number(said), pid);
});

test("nothing is left of one that ended, or that can't be run", async () => {
  const { pid } = await shell("true");
  assert.throws(() => readFileSync(`/proc/${pid}/stat`), { code: "ENOENT" }); // no zombie
  const program = { args: [], descriptors: [] };
  assert.throws(() => spawnProgram(reactor, { ...program, path: "/no/such" }), {
    name: "KernelError",
    message: "run /no/such: no such file or directory (ENOENT)",
  });
  assert.throws(() => spawnProgram(reactor, { ...program, path: "/etc/passwd" }), { code: "EACCES" });
});

test("one that was released goes on, and is not heard of any more", async () => {
  const child = spawnProgram(reactor, { path: "/bin/sleep", args: ["100"], descriptors: [] });
  child.release();
  process.kill(child.pid, 0);
  process.kill(child.pid, "SIGKILL");
  const told = await Promise.race([child.ended, (await shell("sleep 0.05")).status]);
  assert.equal(told, 0);
});
