import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { MonitorRecord, MonitorRequest, Supervised } from "../../src/container/process/monitor-types.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import { silent } from "../../src/lib/log.ts";
import { statOf } from "../../src/linux/process.ts";
import { Bundles, sh } from "../support/bundle.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const bundles = new Bundles();
const supervisor = await startSupervisor({ execRoot: bundles.execRoot, logger: silent });
after(async () => {
  await supervisor.close();
  bundles.remove();
});

const ALL = { stdin: true, stdout: true, stderr: true };

/** Have another process create and start these, and kill it. */
async function startedByAnother(requests: readonly MonitorRequest[]): Promise<MonitorRecord[]> {
  const script = join(import.meta.dirname, "../support/first-engine.ts");
  const told = JSON.stringify({ execRoot: bundles.execRoot, requests });
  const engine = spawn(process.execPath, [script, told], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(engine.stdout, "data")) as [Buffer];
  engine.kill("SIGKILL");
  await once(engine, "exit");
  return JSON.parse(line.toString()) as MonitorRecord[];
}

async function textOf(output: AsyncIterable<{ data: Uint8Array }>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const { data } of output) pieces.push(data);
  return Buffer.concat(pieces).toString();
}

async function gone(pid: number): Promise<void> {
  while (statOf(pid) && statOf(pid)?.state !== "Z") await new Promise((resolve) => setTimeout(resolve, 5));
}

async function end(request: MonitorRequest, supervised: Supervised): Promise<void> {
  supervised.signal(9);
  await supervised.exited;
  await supervisor.delete(request.container);
}

test("found again after the engine was killed: input, output, exec, signal, code", async () => {
  const shell = bundles.container({ args: sh("read a; echo got $a; exit 5"), openStdin: true });
  const terminal = bundles.container({
    args: sh("read a; /bin/busybox stty size"),
    terminal: true,
    openStdin: true,
    stdinOnce: true,
  });
  const records = await startedByAnother([shell, terminal]);
  const requests = [shell, terminal];
  for (const [i, request] of requests.entries()) {
    const record = records[i];
    assert.ok(record);
    const adopted = await supervisor.adopt(request, record);
    const attachment = adopted.attach(ALL);
    const output = textOf(attachment.output);
    if (request.terminal) await adopted.resize({ columns: 91, rows: 19 });
    const inside = await supervisor.exec(bundles.exec(request, { args: sh("exit 4") }));
    assert.equal((await inside.exited).code, 4);
    await attachment.write(Buffer.from("it\n"));
    assert.equal((await adopted.exited).code, request.terminal ? 0 : 5);
    assert.match(await output, request.terminal ? /19 91/ : /^got it\n$/);
    await supervisor.delete(request.container);
  }
});

test("one that ended while there was no engine: its code, its time, its log", async () => {
  const request = bundles.container({ args: sh("read a < /dev/null; echo bye; exit 9") });
  const [record] = await startedByAnother([request]);
  assert.ok(record);
  await gone(record.monitor.pid);
  const adopted = await supervisor.adopt(request, record);
  const status = await adopted.exited;
  assert.equal(status.code, 9);
  assert.equal(await textOf(adopted.attach(ALL).output), "");
  assert.match(readFileSync(request.logPath ?? "", "utf8"), /stdout F bye\n$/);
  assert.equal(adopted.signal(9), false);
  await supervisor.delete(request.container);
});

test("an exec is found again as well", async () => {
  const owner = bundles.container({ args: ["/bin/busybox", "sleep", "1000"] });
  const exec = bundles.exec(owner, { args: sh("read a; exit 6"), openStdin: true });
  const [ownerRecord, record] = await startedByAnother([owner, exec]);
  assert.ok(record && ownerRecord);
  const adopted = await supervisor.adopt(exec, record);
  await adopted.attach(ALL).write(Buffer.from("go\n"));
  assert.equal((await adopted.exited).code, 6);
  await end(owner, await supervisor.adopt(owner, ownerRecord));
});

test("by the next supervisor after an orderly close", async () => {
  const request = bundles.container({ args: sh("read a; exit 3"), openStdin: true });
  const first = await startSupervisor({ execRoot: bundles.execRoot, logger: silent });
  const supervised = await first.create(request);
  await first.start(request.container);
  const before = textOf(supervised.attach(ALL).output);
  await first.close();
  assert.equal(await before, ""); // its client's output has ended, the process has not
  const adopted = await supervisor.adopt(request, supervised.record);
  await adopted.attach(ALL).write(Buffer.from("x\n"));
  assert.equal((await adopted.exited).code, 3);
  await supervisor.delete(request.container);
});

test("a killed monitor: the process goes on, its end is told, its code is not known", async () => {
  const request = bundles.container({ args: ["/bin/busybox", "sleep", "1000"] });
  const supervised = await supervisor.create(request);
  await supervisor.start(request.container);
  const { monitor, process: main } = supervised.record;
  process.kill(monitor.pid, "SIGKILL");
  await gone(monitor.pid);
  assert.ok(statOf(main.pid));
  const adopted = await supervisor.adopt(request, supervised.record);
  assert.equal(supervised.signal(9), true);
  assert.equal((await supervised.exited).code, 255);
  assert.equal((await adopted.exited).code, 255);
  await supervisor.delete(request.container);
  assert.deepEqual(bundles.cgroupsLeft(), []);
});

test("nothing left of it, as after a reboot; a pid that is another's now", async () => {
  const request = bundles.container({ args: ["/bin/busybox", "true"] });
  const other = { pid: process.pid, startTime: "1" };
  const adopted = await supervisor.adopt(request, {
    process: other,
    monitor: other,
    directory: request.directory,
  });
  assert.equal((await adopted.exited).code, 255);
  assert.equal(adopted.signal(0), false);
});

test("a directory whose path is longer than a socket's address", async () => {
  const deep = new Bundles(bundles.root);
  try {
    for (const terminal of [false, true]) {
      const request = deep.container({ args: sh("echo deep"), terminal });
      assert.ok(Buffer.byteLength(join(request.bundle, "attach")) > 108);
      const supervised = await supervisor.create(request);
      const output = textOf(supervised.attach(ALL).output);
      await supervisor.start(request.container);
      assert.equal((await supervised.exited).code, 0);
      assert.equal((await output).trim(), "deep");
      await supervisor.delete(request.container);
    }
    const refused = deep.container({ args: ["nope"], terminal: true });
    await assert.rejects(supervisor.create(refused), { refusal: "not-found" });
    assert.ok(!existsSync(join(refused.bundle, "attach")));
  } finally {
    deep.remove();
  }
});

test("out of memory", async () => {
  const request = bundles.container({
    args: sh("/bin/busybox dd if=/dev/zero of=/dev/null bs=200M count=1"),
    memory: 32 << 20,
  });
  const supervised = await supervisor.create(request);
  await supervisor.start(request.container);
  const status = await supervised.exited;
  assert.equal(status.code, 137);
  assert.equal(status.oomKilled, true);
  await supervisor.delete(request.container);
});
