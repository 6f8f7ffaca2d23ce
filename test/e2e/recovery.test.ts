/** What an engine's sudden end leaves half-done is undone by the next one. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";
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
