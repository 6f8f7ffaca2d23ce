/** Containers outlive their engine: killed, or stopped in good order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";

test("kill -9 with five containers, one ending meanwhile: all are found again, whole", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  const names = ["one", "two", "three", "four"];
  for (const name of names) {
    await host.docker(
      "run",
      "-itd",
      "--name",
      name,
      "busybox",
      "sh",
      "-c",
      "i=0; while sleep 0.02; do echo $i; i=$((i+1)); done",
    );
  }
  await host.docker(
    "run",
    "-d",
    "--name",
    "ending",
    "busybox",
    "sh",
    "-c",
    "echo begun; while [ ! -e /tmp/end ]; do sleep 0.02; done; echo ended; exit 42",
  );
  const before = await Promise.all(names.map((name) => inspect(host, name)));
  const ending = await inspect(host, "ending");
  const ping = host.run("ping", [
    "-i",
    "0.02",
    "-c",
    "120",
    "-W",
    "1",
    before[0]?.NetworkSettings.IPAddress ?? "",
  ]);

  await first.kill9();
  await host.run("touch", [`/proc/${ending.State.Pid}/root/tmp/end`]);
  await sleep(300);
  await using _second = await host.startEngine();

  const found = await Promise.all(names.map((name) => inspect(host, name)));
  for (const [i, { State, NetworkSettings, RestartCount }] of found.entries()) {
    assert.deepEqual(
      [State, NetworkSettings, RestartCount],
      [before[i]?.State, before[i]?.NetworkSettings, 0],
    );
  }
  const { State: ended } = await inspect(host, "ending");
  assert.deepEqual([ended.Status, ended.ExitCode], ["exited", 42]);
  assert.deepEqual((await host.docker("logs", "ending")).stdout, "begun\nended\n");
  assert.match((await ping).stdout, /120 received, 0% packet loss/);

  for (const name of names) {
    // No line of the log is missing, not even of the time without an engine.
    const { stdout } = await host.docker("logs", name);
    const numbers = stdout.split(/\r?\n/).filter(Boolean).map(Number);
    assert.ok(numbers.length > 20);
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    );
    assert.equal((await host.docker("exec", name, "echo", "here")).stdout, "here\n");
  }
  await using terminal = host.pty("docker", ["attach", "one"]);
  await terminal.waitFor(/\d+\r\n/);
  terminal.send("\x10\x11");
  await terminal.waitFor("read escape sequence");
  await terminal.exited;
  assert.equal((await inspect(host, "one")).State.Status, "running");
  assert.equal((await host.docker("run", "--rm", "busybox", "hostname", "-i")).stdout, "172.17.0.6\n");
  await host.docker("rm", "-f", ...names, "ending");
});

test("an orderly stop leaves containers alone, unless told otherwise", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  await host.docker("run", "-d", "--name", "one", "busybox", "sleep", "1000");
  const { State: before } = await inspect(host, "one");
  assert.equal(await first.stop(), 0);

  const second = await host.startEngine({ flags: ["--live-restore=false"] });
  assert.deepEqual((await inspect(host, "one")).State, before);
  await host.docker("run", "-d", "--name", "policy", "--restart", "always", "busybox", "sleep", "1000");
  assert.equal(await second.stop(), 0);

  await using _third = await host.startEngine();
  assert.equal((await inspect(host, "one")).State.Status, "exited");
  assert.equal((await inspect(host, "policy")).State.Status, "running");
});
