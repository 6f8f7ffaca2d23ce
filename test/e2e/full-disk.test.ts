/** No space left: what was asked for is refused and leaves nothing, what happens is dealt with, and all goes on when space is back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";
import { NOTHING_RUNS, runningParts } from "../support/running.ts";

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
