import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { StatsFeed } from "../../src/api/stats-feed.ts";
import type { StatsAnswer } from "../../src/cli/stats-row.ts";
import { cpuPercent, memoryUsed } from "../../src/cli/stats-row.ts";
import { notFound } from "../../src/lib/errors.ts";
import { fakeSample } from "./fake-sample.ts";
import { serve } from "./server.ts";

const { engine, ask, container, path } = await serve();

const NEVER = "0001-01-01T00:00:00Z";

test("stats of a container that does not run are zeros, at once", async () => {
  const id = await container("idle", ["sleep"], { start: false });
  for (const query of ["stream=false", "stream=0&one-shot=1"]) {
    const answer = await ask("GET", `/containers/idle/stats?${query}`);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(answer.text), {
      name: "/idle",
      id,
      read: NEVER,
      preread: NEVER,
      pids_stats: {},
      blkio_stats: {
        io_service_bytes_recursive: null,
        io_serviced_recursive: null,
        io_queue_recursive: null,
        io_service_time_recursive: null,
        io_wait_time_recursive: null,
        io_merged_recursive: null,
        io_time_recursive: null,
        sectors_recursive: null,
      },
      num_procs: 0,
      storage_stats: {},
      cpu_stats: ZERO_CPU,
      precpu_stats: ZERO_CPU,
      memory_stats: {},
    });
  }
});

const ZERO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

test("one shot has nothing before it, and numbers of 64 bits are whole", async () => {
  await container("web", ["sleep"]);
  const { text } = await ask("GET", "/containers/web/stats?stream=false&one-shot=true");
  assert.match(text, /"total_usage":9007199254740993,/);
  assert.match(text, /"system_cpu_usage":18014398509481985,"online_cpus":2/);
  assert.match(text, /"hierarchical_memory_limit":9223372036854771712,/);
  const told = JSON.parse(text);
  assert.deepEqual(told.precpu_stats, ZERO_CPU);
  assert.deepEqual(told.cpu_stats.cpu_usage.percpu_usage, [4, 5]);
  assert.deepEqual(told.pids_stats, { current: 3, limit: 50 });
  assert.deepEqual(told.networks, {
    eth0: {
      rx_bytes: 100,
      rx_packets: 2,
      rx_errors: 0,
      rx_dropped: 1,
      tx_bytes: 50,
      tx_packets: 1,
      tx_errors: 0,
      tx_dropped: 0,
    },
  });
  assert.deepEqual(told.blkio_stats.io_service_bytes_recursive, [
    { major: 8, minor: 0, op: "Read", value: 4096 },
  ]);
  assert.deepEqual(told.blkio_stats.io_queue_recursive, []);
  const { usage, max_usage, limit, failcnt, stats } = told.memory_stats;
  assert.deepEqual([usage, max_usage, limit, failcnt], [1000, 2000, 4_000_000, 1]);
  assert.deepEqual([stats.cache, stats.total_inactive_file, stats.rss], [10, 300, 0]);
});

test("of version 2 there are its own names, and bytes alone", async () => {
  engine.sample = fakeSample({
    cgroupVersion: "2",
    block: { bytes: [{ major: 8, minor: 0, op: "read", value: 5n }], operations: [] },
  });
  const told = JSON.parse((await ask("GET", "/containers/web/stats?stream=false&one-shot=true")).text);
  engine.sample = fakeSample();
  assert.deepEqual(told.blkio_stats.io_serviced_recursive, null);
  assert.equal(told.memory_stats.stats.workingset_nodereclaim, 0);
  assert.equal(told.memory_stats.stats.total_inactive_file, undefined);
});

test("without a stream there are two looks, and the first stands before the second", async () => {
  const told = JSON.parse((await ask("GET", "/containers/web/stats?stream=false")).text);
  assert.equal(told.preread, engine.sample.read);
  assert.deepEqual(told.precpu_stats, told.cpu_stats);
});

test("a stream and one shot don't go together; before 1.41 there was but the stream", async () => {
  const answer = await ask("GET", "/v1.50/containers/web/stats?one-shot=1");
  assert.equal(answer.status, 400);
  assert.deepEqual(JSON.parse(answer.text), { message: "cannot have stream=true and one-shot=true" });
  const old = JSON.parse((await ask("GET", "/v1.40/containers/web/stats?stream=0&one-shot=1")).text);
  assert.notEqual(old.preread, NEVER);
  assert.equal((await ask("GET", "/containers/nosuch/stats")).status, 404);
});

test("clients share one reader, and a stream ends with its container", async () => {
  await container("shared", ["sleep"]);
  engine.calls.length = 0;
  const follow = () =>
    new Promise<{ readonly first: StatsAnswer; readonly ended: Promise<void> }>((resolve) => {
      request({ socketPath: path, path: "/containers/shared/stats" }, (response) => {
        const ended = new Promise<void>((end) => response.once("end", end));
        response.once("data", (piece: Buffer) => resolve({ first: JSON.parse(piece.toString()), ended }));
        response.resume();
      }).end();
    });
  const streams = await Promise.all([follow(), follow(), follow()]);
  for (const { first } of streams) assert.equal(first.name, "/shared");
  assert.equal(engine.calls.filter(([call]) => call === "stats").length, 1);
  await engine.containers.remove("shared", { force: true, volumes: false });
  await Promise.all(streams.map(({ ended }) => ended));
});

test("a feed reads no more once nobody listens, and tells who listens that a container is gone", async () => {
  const reads: string[] = [];
  const feed = new StatsFeed(async (id) => {
    reads.push(id);
    if (id === "gone") throw notFound("No such container: gone");
    return undefined;
  });
  const first = Promise.withResolvers<void>();
  const leave = feed.subscribe("a", () => first.resolve());
  await first.promise;
  leave();
  const end = Promise.withResolvers<unknown>();
  feed.subscribe("gone", end.resolve);
  assert.equal(await end.promise, undefined);
  assert.deepEqual(reads, ["a", "gone"]);
});

test("top passes ps its words", async () => {
  const answer = await ask("GET", "/containers/web/top?ps_args=-o%20pid,cmd");
  assert.deepEqual(JSON.parse(answer.text), {
    Processes: [["4711", "sh -o pid,cmd"]],
    Titles: ["PID", "CMD"],
  });
  const idle = await ask("GET", "/containers/idle/top");
  assert.equal(idle.status, 409);
  assert.match(JSON.parse(idle.text).message, /^container [0-9a-f]{64} is not running$/);
});

test("update asks for what its body says", async () => {
  const body = { CpuShares: 512, PidsLimit: -1, RestartPolicy: { Name: "always" } };
  const update = (body: string) =>
    ask("POST", "/containers/web/update", { headers: { "Content-Type": "application/json" }, body });
  const answer = await update(JSON.stringify(body));
  assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, { Warnings: null }]);
  assert.deepEqual(engine.calls.at(-1), [
    "update",
    "web",
    { CpuShares: 512, PidsLimit: 0, RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
  ]);
  for (const wrong of ['{"Memory":"x"}', '{"BlkioWeight":-1}', '{"CpusetCpus":1}', "[]", ""]) {
    assert.equal((await update(wrong)).status, 400, wrong);
  }
  const message = JSON.parse((await update('{"Memory":"x"}')).text);
  assert.match(message.message, /Memory/);
});

test("a client's own arithmetic", () => {
  const cpu = (total: number, system: number) => ({
    cpu_usage: { total_usage: total },
    system_cpu_usage: system,
    online_cpus: 2,
  });
  const answer: StatsAnswer = {
    id: "",
    name: "",
    read: "",
    cpu_stats: cpu(300, 2000),
    precpu_stats: cpu(100, 1000),
    memory_stats: { usage: 1000, stats: { inactive_file: 300 } },
    blkio_stats: {},
    pids_stats: {},
  };
  assert.deepEqual([cpuPercent(answer), memoryUsed(answer)], [40, 700]);
  assert.equal(cpuPercent({ ...answer, precpu_stats: { cpu_usage: { total_usage: 300 } } }), 0);
});
