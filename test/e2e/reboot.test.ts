/** The machine was restarted: what the kernel had is gone, what lay on disk is there, and nothing stored counts as running. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";

const LOOP = ["busybox", "sh", "-c", "echo begun; sleep 1000"];

/** Another host, with new namespaces, over a copy of this one's data; another boot id, and an empty exec root. */
async function rebooted(before: ThrowawayHost): Promise<ThrowawayHost> {
  const host = await ThrowawayHost.create();
  const kept = join(host.directory, "kept");
  await host.run("cp", ["-a", before.dataRoot, kept]);
  await before[Symbol.asyncDispose]();
  // At the same path as before: records and mounts name it.
  mkdirSync(before.dataRoot, { recursive: true });
  await host.run("mount", ["--bind", kept, before.dataRoot]);
  const bootId = join(host.directory, "boot-id");
  writeFileSync(bootId, "11111111-2222-3333-4444-555555555555\n");
  await host.run("mount", ["--bind", bootId, "/proc/sys/kernel/random/boot_id"]);
  return host;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "it never came true");
    await sleep(50);
  }
}

test("a reboot: policies apply, the rest is exited, stale sandboxes, mounts and addresses are free", async (t) => {
  if (needsRoot(t)) return;
  const before = await ThrowawayHost.create();
  let host: ThrowawayHost | undefined;
  try {
    const first = await before.startEngine();
    await before.docker("network", "create", "--subnet", "10.7.0.0/24", "n1");
    const run = (name: string, ...flags: string[]) =>
      before.docker("run", "-d", "--name", name, ...flags, ...LOOP);
    await run("always", "--restart", "always", "--network", "n1", "--ip", "10.7.0.9", "-p", "8080:80");
    await run("unless", "--restart", "unless-stopped", "--health-cmd", "true", "--health-interval", "50ms");
    await run("left", "--restart", "unless-stopped");
    await run("onfail", "--restart", "on-failure");
    await run("plain", "--network", "n1", "--ip", "10.7.0.10");
    await run("paused");
    await run("gone", "--rm");
    await before.docker("create", "--name", "created", ...LOOP);
    await before.docker("run", "-d", "--name", "failing", "--restart", "always", "busybox", "false");
    await before.docker("exec", "plain", "sh", "-c", "echo kept > /file");
    await before.docker("stop", "-t", "0", "left");
    await before.docker("pause", "paused");
    await first.kill9();

    host = await rebooted(before);
    await using _engine = await host.startEngine({ flags: ["--data-root", before.dataRoot] });
    const { stdout } = await host.docker("ps", "-a", "--format", "{{.Names}} {{.State}}");
    const states = Object.fromEntries(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ")),
    );
    assert.ok(["running", "restarting", "exited"].includes(states.failing), states.failing);
    assert.deepEqual(
      { ...states, failing: "" },
      {
        always: "running",
        unless: "running",
        onfail: "running",
        left: "exited",
        plain: "exited",
        paused: "exited",
        created: "created",
        failing: "",
      },
    );
    for (const name of ["plain", "paused"]) {
      const { State, NetworkSettings } = await inspect(host, name);
      assert.deepEqual([State.ExitCode, State.Pid], [255, 0], name);
      assert.equal(NetworkSettings.SandboxKey, "", name);
    }
    const always = await inspect(host, "always");
    assert.equal(always.NetworkSettings.Networks.n1?.IPAddress, "10.7.0.9");
    assert.equal((await host.docker("logs", "always")).stdout, "begun\nbegun\n");
    const there = host;
    await until(async () => (await inspect(there, "failing")).RestartCount > 1);
    await until(async () => /\(healthy\)/.test((await there.docker("ps", "--filter", "name=unless")).stdout));

    // What the dead held is to be had again.
    await host.docker("run", "--rm", "--network", "n1", "--ip", "10.7.0.10", "busybox", "true");
    await host.docker("start", "plain");
    assert.equal((await host.docker("exec", "plain", "cat", "/file")).stdout, "kept\n");
    const { stdout: attached } = await host.docker(
      ...["network", "inspect", "n1", "--format", "{{range .Containers}}{{.Name}} {{end}}"],
    );
    assert.deepEqual(attached.trim().split(" ").toSorted(), ["always", "plain"]);
    await host.docker("rm", "-f", ...Object.keys(states));
    assert.deepEqual(readdirSync(join(host.directory, "kept", "containers")), []);
  } finally {
    await host?.[Symbol.asyncDispose]();
    await before[Symbol.asyncDispose]();
    rmSync(before.directory, { recursive: true, force: true });
  }
});
