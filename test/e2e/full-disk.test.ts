/** No space left: what was asked for is refused and leaves nothing, what happens is dealt with, and all goes on when space is back. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";
import { NOTHING_RUNS, runningParts } from "../support/running.ts";
import { becomes } from "../support/storm.ts";

for (const root of ["data", "exec"] as const) {
  test(`the file system of the ${root} root is full`, async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    const directory = `${host.directory}/${root}`;
    const fill = () => host.run("dd", ["if=/dev/zero", `of=${directory}/fill`, "bs=4k"], { check: false });
    await host.run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", directory]);
    await using _engine = await host.startEngine();
    for (const name of ["one", "two"])
      await host.docker("run", "-d", "--name", name, "busybox", "sleep", "1000");
    await host.docker("create", "--name", "three", "busybox", "sleep", "1000");

    await fill();
    const refused = await host.tryDocker("start", "three");
    assert.match(refused.stderr, /full|no space left/i);
    const { State } = await inspect(host, "three");
    assert.deepEqual([State.Status, State.Running], ["created", false]);
    await host.docker("stop", "-t", "0", "one");
    // The monitor writes the code down in the exec root: where it can't, nobody knows.
    assert.equal((await inspect(host, "one")).State.ExitCode, root === "data" ? 137 : 255);
    const parts = await runningParts(host);
    assert.deepEqual([parts.ports.length, parts.guarded.length, parts.monitored.length], [1, 1, 1]);

    await host.run("rm", [`${directory}/fill`]);
    await host.docker("start", "one", "three");
    assert.equal((await runningParts(host)).ports.length, 3);
    await host.docker("rm", "-f", "one", "two", "three");
    const left = await runningParts(host);
    assert.deepEqual({ ...left, mounts: left.mounts.filter((at) => at !== directory) }, NOTHING_RUNS);
  });
}

test("no space for a load, a commit, a volume's first contents, and a log", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const { dataRoot: directory } = host;
  await host.run("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", directory]);
  await using engine = await host.startEngine();
  const fill = () => host.run("dd", ["if=/dev/zero", `of=${directory}/fill`, "bs=4k"], { check: false });
  // Mounted for the host alone.
  const seen = `/proc/${host.pid}/root${directory}`;
  const images = () =>
    ["layers", "recipes", "l"].map((name) => readdirSync(join(seen, "images", name)).length);
  const volumes = () => readdirSync(join(seen, "volumes"));

  await host.docker(
    "run",
    "-d",
    "--name",
    "web",
    "busybox",
    "sh",
    "-c",
    "while :; do echo line; sleep 0.01; done",
  );
  await host.docker("exec", "web", "sh", "-c", "mkdir /tree; dd if=/dev/urandom of=/tree/file bs=1M count=8");
  await host.docker("commit", "web", "large");
  const archive = join(host.directory, "large.tar");
  await host.docker("save", "-o", archive, "large");
  // Some, but not as much as is asked for.
  await host.run("dd", ["if=/dev/zero", `of=${directory}/reserve`, "bs=1M", "count=4"]);
  await fill();
  await host.run("rm", [`${directory}/reserve`]);

  const before = images();
  const committed = await host.tryDocker("commit", "web", "more");
  assert.match(committed.stderr, /full|no space left/i);
  assert.equal((await inspect(host, "web")).State.Status, "running");
  await becomes(async () => images(), before);

  const created = await host.tryDocker("create", "--name", "filled", "-v", "data:/tree", "large");
  assert.match(created.stderr, /full|no space left/i);
  await becomes(async () => volumes(), []);
  assert.equal((await host.docker("ps", "-aq", "--filter", "name=filled")).stdout, "");

  await host.run("rm", [`${directory}/fill`]);
  await host.docker("rmi", "large");
  await host.run("dd", ["if=/dev/zero", `of=${directory}/reserve`, "bs=1M", "count=4"]);
  await fill();
  await host.run("rm", [`${directory}/reserve`]);
  const bare = images();
  const loaded = await host.tryDocker("load", "-i", archive);
  assert.match(loaded.stdout + loaded.stderr, /full|no space left/i);
  await becomes(async () => [images(), readdirSync(join(seen, "images/tmp"))], [bare, []]);

  // Not even a line of a log.
  await fill();
  const full = async () => (await host.docker("logs", "--tail", "1", "-t", "web")).stdout;
  const last = await full();
  assert.match(last, /line/);
  await host.run("rm", [`${directory}/fill`]);
  for (let tries = 0; tries < 100 && (await full()) === last; tries += 1) await sleep(50);
  assert.notEqual(await full(), last, "it is logged on");
  await host.docker("load", "-i", archive);
  await host.docker("create", "--name", "filled", "-v", "data:/tree", "large");
  assert.deepEqual(volumes(), ["data"]);
  await host.docker("rm", "-f", "web", "filled");
  assert.equal(await engine.stop(), 0);
});
