/** What an engine's sudden end leaves half-done is undone by the next one. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect, portsOf } from "../support/inspect.ts";
import { NOTHING_RUNS, runningParts } from "../support/running.ts";

/** A runtime at whose `create` the engine dies: before its work, or between that and the record of it. */
function deadlyRuntime(host: ThrowawayHost, kill: "before" | "after"): string {
  const path = join(host.directory, "crun");
  const killEngine = `kill -9 $(cat ${join(host.directory, "pid")})`;
  const create = kill === "before" ? `${killEngine}; crun "$@"` : `crun "$@"; ${killEngine}`;
  writeFileSync(path, `#!/bin/sh\ncase "$*" in *" create "*) ${create} ;; *) exec crun "$@" ;; esac\n`, {
    mode: 0o755,
  });
  return path;
}

for (const kill of ["before", "after"] as const) {
  test(`the engine dies ${kill} the runtime made a process: nothing of it is left, and it starts anew`, async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    const first = await host.startEngine({
      flags: ["--pidfile", join(host.directory, "pid")],
      env: { DRAWBRIDGE_RUNTIME: deadlyRuntime(host, kill) },
    });
    await host.docker("create", "--name", "one", "busybox", "sleep", "1000");
    assert.notEqual((await host.tryDocker("start", "one")).code, 0);
    assert.equal(await first.exited, 137);

    await using _second = await host.startEngine();
    assert.equal((await inspect(host, "one")).State.Status, "created");
    assert.deepEqual(await runningParts(host), NOTHING_RUNS);
    await host.docker("start", "one");
    const { State, NetworkSettings } = await inspect(host, "one");
    assert.deepEqual([State.Status, NetworkSettings.IPAddress], ["running", "172.17.0.2"]);
    await host.docker("rm", "-f", "one");
    assert.deepEqual(await runningParts(host), NOTHING_RUNS);
  });
}

const run = (host: ThrowawayHost, name: string) =>
  host.docker("run", "-d", "--name", name, "busybox", "sleep", "1000");

/** Both reach each other and, through masquerade, the outside. */
async function areConnected(host: ThrowawayHost): Promise<void> {
  for (const address of ["172.17.0.3", "203.0.113.1"]) {
    await host.docker("exec", "one", "ping", "-c1", "-W2", address);
  }
  assert.equal((await portsOf(host, "docker0")).length, 2);
}

test("the bridge and the firewall's tables deleted while no engine runs: made anew, with what was on them", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  await run(host, "one");
  await run(host, "two");
  await first.kill9();
  await host.run("ip", ["link", "delete", "docker0"]);
  await host.run("nft", ["flush", "ruleset"]);

  await using second = await host.startEngine();
  await areConnected(host);
  assert.match(second.log(), /network bridge had lost links of its containers: joined again/);
  await host.docker("rm", "-f", "one", "two");
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
});

test("the same while the engine runs: set right, and told, when the next container is started", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await using engine = await host.startEngine();
  await run(host, "one");
  await host.run("ip", ["link", "delete", "docker0"]);
  await host.run("nft", ["flush", "ruleset"]);
  await run(host, "two");
  await areConnected(host);
  assert.match(engine.log(), /the firewall's tables had been deleted or changed: loaded anew/);
  assert.match(engine.log(), /a network's link had been deleted or changed: set right/);
  await host.docker("rm", "-f", "one", "two");
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
});

test("links and namespaces that no record tells of are removed: their addresses will be given to others", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  await run(host, "one");
  const { Id } = await inspect(host, "one");
  await first.kill9();
  const store = new DatabaseSync(join(host.dataRoot, "drawbridge.db"));
  store.prepare("DELETE FROM kv WHERE key = ?").run(`sandbox/${Id}`);
  store.close();
  await host.run("ip", ["link", "add", "vethbad0bad", "type", "veth", "peer", "name", "admins"]);
  await host.run("ip", ["link", "set", "vethbad0bad", "master", "docker0"]);

  await using second = await host.startEngine();
  assert.match(second.log(), /removed what no sandbox on record has/);
  await run(host, "two");
  assert.equal((await inspect(host, "two")).NetworkSettings.IPAddress, "172.17.0.2");
  assert.equal((await portsOf(host, "docker0")).length, 2, "an administrator's own port stays");
  await host.docker("rm", "-f", "one", "two");
  await host.run("ip", ["link", "delete", "vethbad0bad"]);
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
});

test("after a reboot: exited with 255, sandboxes and addresses free, policies start theirs again", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  await run(host, "one");
  await host.docker("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "1000");
  await host.docker("run", "-d", "--name", "once", "--rm", "busybox", "sleep", "1000");
  await first.kill9();
  const ofHost = `grep ${host.directory} /proc/self/mountinfo | cut -d' ' -f5`;
  // All that a reboot takes: processes, mounts, links, rules, the exec root; and the boot's own name.
  await host.run("sh", [
    "-c",
    `pkill -KILL -x conmon; pkill -KILL -x sleep; ${ofHost} | sort -r | xargs -n1 umount -l
    rm -rf ${host.execRoot}/*; ip link delete docker0; nft flush ruleset
    for cgroup in /sys/fs/cgroup/*/${host.cgroupParent}/*/; do rmdir "$cgroup" 2>/dev/null; done
    cat /proc/sys/kernel/random/uuid >${host.directory}/boot_id
    mount --bind ${host.directory}/boot_id /proc/sys/kernel/random/boot_id`,
  ]);

  await using _second = await host.startEngine();
  const one = await inspect(host, "one");
  assert.deepEqual([one.State.Status, one.State.ExitCode, one.State.Pid], ["exited", 255, 0]);
  assert.notEqual((await host.tryDocker("inspect", "once")).code, 0);
  while ((await inspect(host, "always")).State.Status !== "running") await sleep(20);
  assert.equal((await inspect(host, "always")).NetworkSettings.IPAddress, "172.17.0.2");
  await host.docker("start", "one");
  assert.equal((await inspect(host, "one")).NetworkSettings.IPAddress, "172.17.0.3");
  await host.docker("rm", "-f", "one", "always");
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
});
