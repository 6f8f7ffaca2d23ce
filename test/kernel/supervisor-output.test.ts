import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, test } from "node:test";
import type { OutputFrame } from "../../src/container/process/monitor-types.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import { silent } from "../../src/lib/log.ts";
import { Bundles, sh } from "../support/bundle.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const bundles = new Bundles();
const SIZE = 8_000_000;
const LIMIT = 1_000_000;
const OUTPUT = { stdin: false, stdout: true, stderr: true };

/** Writes SIZE bytes, many times what may wait. */
const LOUD = sh(`/bin/busybox yes 0123456 | /bin/busybox head -c ${SIZE}`);

async function supervisorWith(patience: number) {
  const output = { memory: 100_000, waiting: LIMIT, patience, directory: bundles.root };
  const supervisor = await startSupervisor({ execRoot: bundles.execRoot, logger: silent, output });
  after(() => supervisor.close());
  return supervisor;
}
after(() => bundles.remove());

async function sizeOf(output: AsyncIterable<OutputFrame>): Promise<number> {
  let size = 0;
  for await (const { data } of output) size += data.length;
  return size;
}

test("a client that reads late gets all of it: the process waits for it", async () => {
  const supervisor = await supervisorWith(600_000);
  const request = bundles.container({ args: LOUD });
  const supervised = await supervisor.create(request);
  const late = supervised.attach(OUTPUT);
  const other = supervised.attach(OUTPUT);
  await supervisor.start(request.container);
  // The other has had what the late one may leave lying; more comes only when that one reads.
  let seen = 0;
  const frames = other.output[Symbol.asyncIterator]();
  while (seen < LIMIT) seen += (await frames.next()).value?.data.length ?? 0;
  const rest = sizeOf({ [Symbol.asyncIterator]: () => frames });
  assert.equal(await sizeOf(late.output), SIZE);
  assert.equal(seen + (await rest), SIZE);
  assert.equal((await supervised.exited).code, 0);
  assert.deepEqual(
    readdirSync(bundles.root).filter((name) => name.startsWith(".spill")),
    [],
  );
  await supervisor.delete(request.container);
});

test("a client that does not read is cut off with a message, and the process goes on", async () => {
  const supervisor = await supervisorWith(20);
  const request = bundles.container({ args: LOUD });
  const supervised = await supervisor.create(request);
  const stuck = supervised.attach(OUTPUT);
  const reader = supervised.attach(OUTPUT);
  const whole = sizeOf(reader.output);
  await supervisor.start(request.container);
  assert.equal((await supervised.exited).code, 0);
  assert.equal(await whole, SIZE);
  const left: OutputFrame[] = [];
  for await (const frame of stuck.output) left.push(frame);
  assert.equal(left.length, 1);
  assert.match(Buffer.from(left[0]?.data ?? []).toString(), /disconnected: 10\d{5} bytes of output waited/);
  await supervisor.delete(request.container);
});

test("a client that goes away keeps nobody waiting", async () => {
  const supervisor = await supervisorWith(600_000);
  const request = bundles.container({ args: LOUD });
  const supervised = await supervisor.create(request);
  const client = supervised.attach(OUTPUT);
  await supervisor.start(request.container);
  await client.output[Symbol.asyncIterator]().next();
  client.close();
  assert.equal((await supervised.exited).code, 0);
  await supervisor.delete(request.container);
});

test("input for a process that ends without reading it", async () => {
  const supervisor = await supervisorWith(600_000);
  const request = bundles.container({ args: sh("exit 2"), openStdin: true, stdinOnce: true });
  const supervised = await supervisor.create(request);
  const client = supervised.attach({ ...OUTPUT, stdin: true });
  const written = client.write(Buffer.alloc(4_000_000));
  await supervisor.start(request.container);
  assert.equal((await supervised.exited).code, 2);
  await written;
  await client.write(Buffer.from("more"));
  await client.endInput();
  await supervisor.delete(request.container);
});

test("streams that were not asked for are not given", async () => {
  const supervisor = await supervisorWith(600_000);
  const request = bundles.container({ args: sh("echo out; echo err >&2") });
  const supervised = await supervisor.create(request);
  const client = supervised.attach({ stdin: false, stdout: false, stderr: true });
  await supervisor.start(request.container);
  const frames: string[] = [];
  for await (const { stream, data } of client.output) frames.push(`${stream} ${Buffer.from(data)}`);
  assert.deepEqual(frames, ["stderr err\n"]);
  await supervisor.delete(request.container);
});
