import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { MonitorRequest, Supervised } from "../../src/container/process/monitor-types.ts";
import { RuntimeError } from "../../src/container/process/refusal.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import { silent } from "../../src/lib/log.ts";
import { Bundles, type Command, sh } from "../support/bundle.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const bundles = new Bundles();
const supervisor = await startSupervisor({ execRoot: bundles.execRoot, logger: silent });
after(async () => {
  await supervisor.close();
  bundles.remove();
});

const ALL = { stdin: true, stdout: true, stderr: true };

/** All that a process writes, by stream. */
async function collect(output: AsyncIterable<{ stream: "stdout" | "stderr"; data: Uint8Array }>) {
  const pieces: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  for await (const { stream, data } of output) pieces[stream].push(data);
  return { stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr) };
}

async function begin(command: Command): Promise<{ request: MonitorRequest; supervised: Supervised }> {
  const request = bundles.container(command);
  return { request, supervised: await supervisor.create(request) };
}

/** Start it, wait, and delete it. */
async function finish({ request, supervised }: { request: MonitorRequest; supervised: Supervised }) {
  await supervisor.start(request.container);
  const status = await supervised.exited;
  await supervisor.delete(request.container);
  return status;
}

test("exit codes, and signals as 128 + n", async () => {
  for (const [script, code] of [
    ["exit 0", 0],
    ["exit 7", 7],
    ["kill -9 $$", 137],
  ] as const) {
    // A shell in a shell: the first process of a pid namespace is spared its own signals.
    const started = await begin({ args: sh(`/bin/busybox sh -c '${script}'; exit $?`) });
    const status = await finish(started);
    assert.equal(status.code, code);
    assert.match(status.finishedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    assert.equal(status.oomKilled, false);
  }
  assert.deepEqual(bundles.cgroupsLeft(), []);
});

test("a signal from outside, once", async () => {
  const { request, supervised } = await begin({ args: ["/bin/busybox", "sleep", "1000"] });
  await supervisor.start(request.container);
  assert.equal(supervised.signal(9), true);
  assert.equal((await supervised.exited).code, 137);
  assert.equal(supervised.signal(9), false);
  await supervisor.delete(request.container);
});

test("what a process writes in its only microseconds is not lost", async () => {
  for (let round = 0; round < 10; round += 1) {
    const started = await begin({ args: ["/bin/busybox", "echo", "hello"] });
    const output = collect(started.supervised.attach(ALL).output);
    assert.equal((await finish(started)).code, 0);
    assert.equal((await output).stdout.toString(), "hello\n");
  }
});

test("megabytes on both streams, whole and in order", async () => {
  const script = "seq 1 400000; seq 400000 700000 >&2";
  const started = await begin({ args: sh(script.replaceAll("seq", "/bin/busybox seq")) });
  const output = collect(started.supervised.attach(ALL).output);
  await finish(started);
  const { stdout, stderr } = await output;
  assert.equal(stdout.toString(), numbers(1, 400000));
  assert.equal(stderr.toString(), numbers(400000, 700000));
});

function numbers(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join("");
}

test("standard input, and its end", async () => {
  const started = await begin({ args: ["/bin/busybox", "cat"], openStdin: true, stdinOnce: true });
  const attachment = started.supervised.attach(ALL);
  const output = collect(attachment.output);
  const sent = Buffer.alloc(3_000_000, "0123456789\n");
  const ended = finish(started);
  await attachment.write(sent);
  await attachment.endInput();
  assert.equal((await ended).code, 0);
  assert.deepEqual((await output).stdout, sent);
});

test("standard input that is kept open for the next client", async () => {
  const started = await begin({ args: sh("read a; read b; echo $a $b"), openStdin: true });
  const first = started.supervised.attach(ALL);
  const ended = finish(started);
  await first.write(Buffer.from("one\n"));
  await first.endInput();
  first.close();
  const second = started.supervised.attach(ALL);
  const output = collect(second.output);
  await second.write(Buffer.from("two\n"));
  assert.equal((await ended).code, 0);
  assert.equal((await output).stdout.toString(), "one two\n");
});

test("a terminal and its size", async () => {
  const script = "/bin/busybox stty size; read a; /bin/busybox stty size; read b; echo got $b";
  const { request, supervised } = await begin({ args: sh(script), terminal: true, openStdin: true });
  const attachment = supervised.attach(ALL);
  const output = collect(attachment.output);
  await supervised.resize({ columns: 100, rows: 40 });
  await supervisor.start(request.container);
  // The reader is past its first line once it echoes.
  await Promise.all([
    supervised.resize({ columns: 10, rows: 4 }),
    supervised.resize({ columns: 132, rows: 50 }),
  ]);
  await attachment.write(Buffer.from("x\ny\n"));
  assert.equal((await supervised.exited).code, 0);
  const { stdout, stderr } = await output;
  assert.match(stdout.toString(), /50 132\r\n/);
  assert.match(stdout.toString(), /got y\r\n/);
  assert.equal(stderr.length, 0);
  await assert.rejects(supervised.resize({ columns: 1, rows: 1 }), { kind: "conflict" });
  await supervisor.delete(request.container);
});

test("without a terminal a size is taken for nothing, as long as the process lives", async () => {
  const started = await begin({ args: ["/bin/busybox", "true"] });
  await started.supervised.resize({ columns: 1, rows: 1 });
  await finish(started);
  await assert.rejects(started.supervised.resize({ columns: 1, rows: 1 }), { kind: "conflict" });
});

test("what can't be run is refused with its reason, and leaves nothing", async () => {
  const cases = [
    [["nope"], "not-found"],
    [["/bin/nope"], "not-found"],
    [["/etc"], "not-executable"],
  ] as const;
  for (const [args, refusal] of cases) {
    for (const terminal of [false, true]) {
      const request = bundles.container({ args, terminal });
      await assert.rejects(supervisor.create(request), (error) => {
        assert.ok(error instanceof RuntimeError);
        assert.equal(error.refusal, refusal, error.message);
        assert.equal(error.kind, "invalid");
        return true;
      });
      assert.deepEqual(readdirSync(request.directory), []);
      assert.deepEqual(readdirSync(request.bundle).sort(), ["config.json", "log"]);
    }
  }
  assert.deepEqual(readdirSync(join(bundles.execRoot, "runtime")), []);
  assert.deepEqual(bundles.cgroupsLeft(), []);
});

test("exec: code, streams, terminal, refusal", async () => {
  const { request, supervised } = await begin({ args: ["/bin/busybox", "sleep", "1000"] });
  await supervisor.start(request.container);

  const plain = bundles.exec(request, {
    args: sh("cat; echo err >&2; exit 3"),
    openStdin: true,
    stdinOnce: true,
  });
  const running = await supervisor.exec(plain);
  const attachment = running.attach(ALL);
  const output = collect(attachment.output);
  await attachment.write(Buffer.from("in\n"));
  await attachment.endInput();
  assert.equal((await running.exited).code, 3);
  assert.deepEqual(await output.then((o) => [o.stdout.toString(), o.stderr.toString()]), ["in\n", "err\n"]);

  const quick = await supervisor.exec(bundles.exec(request, { args: ["/bin/busybox", "true"] }));
  assert.equal((await quick.exited).code, 0);

  for (const tty of [false, true, false, true]) {
    const echo = await supervisor.exec(
      bundles.exec(request, { args: ["/bin/busybox", "echo", "quick"], terminal: tty }),
    );
    const said = collect(echo.attach(ALL).output);
    assert.equal((await echo.exited).code, 0);
    assert.equal((await said).stdout.toString().trim(), "quick");
  }

  const terminal = await supervisor.exec(
    bundles.exec(request, { args: sh("read a; /bin/busybox stty size"), terminal: true, openStdin: true }),
  );
  const screen = terminal.attach(ALL);
  const shown = collect(screen.output);
  await terminal.resize({ columns: 77, rows: 33 });
  await screen.write(Buffer.from("go\n"));
  assert.equal((await terminal.exited).code, 0);
  assert.match((await shown).stdout.toString(), /33 77/);

  for (const [args, refusal] of [
    [["nope"], "not-found"],
    [["/nope"], "not-found"],
    [["/etc"], "not-executable"],
  ] as const) {
    const refused = bundles.exec(request, { args });
    await assert.rejects(supervisor.exec(refused), { name: "RuntimeError", refusal });
    assert.deepEqual(readdirSync(refused.directory), []);
  }

  supervised.signal(9);
  await supervised.exited;
  await supervisor.delete(request.container);
  assert.deepEqual(bundles.cgroupsLeft(), []);
});

test("pause and resume", async () => {
  const { request, supervised } = await begin({ args: ["/bin/busybox", "sleep", "1000"] });
  await supervisor.start(request.container);
  await supervisor.pause(request.container);
  await supervisor.resume(request.container);
  supervised.signal(9);
  assert.equal((await supervised.exited).code, 137);
  await supervisor.delete(request.container);
  await supervisor.delete(request.container); // nothing left: no failure
});

test("the log tells both streams", async () => {
  const started = await begin({ args: sh("echo out; echo err >&2; printf part") });
  await finish(started);
  const lines = readFileSync(started.request.logPath ?? "", "utf8")
    .trim()
    .split("\n");
  assert.deepEqual(lines.map((line) => line.split(" ").slice(1).join(" ")).sort(), [
    "stderr F err",
    "stdout F out",
    "stdout P part",
  ]);
});
