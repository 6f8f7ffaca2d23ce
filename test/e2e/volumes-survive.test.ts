/** Volumes over an engine's end: killed, stopped, and with the machine rebooted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needsRoot, ThrowawayHost } from "../support/host.ts";

const MEMORY = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m"];

const sh = (host: ThrowawayHost, line: string) => host.run("sh", ["-c", line], { check: false });

/** How often something is mounted on the volume `memory`. */
async function mounted(host: ThrowawayHost): Promise<number> {
  return Number((await sh(host, "grep -c volumes/memory/_data /proc/mounts")).stdout);
}

async function idle(host: ThrowawayHost, name: string, ...flags: string[]): Promise<void> {
  await host.docker("run", "-d", "--name", name, ...flags, "busybox", "sleep", "1000");
}

const volumes = async (host: ThrowawayHost) =>
  (await host.docker("volume", "ls", "-q")).stdout.split("\n").filter(Boolean);

for (const way of ["kill9", "stop"] as const) {
  test(`after ${way}, a mounted volume is used on, and unmounted with its last user`, async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    const first = await host.startEngine();
    await host.docker("volume", "create", ...MEMORY, "memory");
    await idle(host, "stays", "-v", "memory:/m", "-v", "/anon");
    await idle(host, "ends", "-v", "memory:/m");
    await host.docker("exec", "stays", "sh", "-c", "echo text >/m/file");
    const { stdout: pid } = await host.docker("inspect", "--format", "{{.State.Pid}}", "ends");
    await first[way]();
    await sh(host, `kill -9 ${pid.trim()}; while kill -0 ${pid.trim()} 2>/dev/null; do sleep 0.01; done`);

    await using _second = await host.startEngine();
    assert.equal(await mounted(host), 1, "one that ended meanwhile leaves it to the other");
    const { stdout } = await host.docker("run", "--rm", "-v", "memory:/m", "busybox", "cat", "/m/file");
    assert.equal(stdout, "text\n");
    assert.equal((await host.docker("exec", "stays", "cat", "/m/file")).stdout, "text\n");
    assert.match((await host.tryDocker("volume", "rm", "memory")).stderr, /volume is in use - \[/);
    await host.docker("restart", "-t", "0", "stays");
    assert.equal(
      (await host.docker("exec", "stays", "ls", "/m")).stdout,
      "",
      "its last user's restart is its end",
    );
    assert.equal(await mounted(host), 1);
    await host.docker("rm", "-f", "-v", "stays", "ends");
    assert.equal(await mounted(host), 0);
    assert.deepEqual(await volumes(host), ["memory"]);
  });
}

test("what ended with an engine that was killed goes as it would have", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  await host.docker("volume", "create", ...MEMORY, "memory");
  await idle(host, "gone", "--rm", "-v", "memory:/m", "-v", "/anon", "-v", "named:/n");
  const { stdout: pid } = await host.docker("inspect", "--format", "{{.State.Pid}}", "gone");
  await first.kill9();
  await sh(host, `kill -9 ${pid.trim()}; while kill -0 ${pid.trim()} 2>/dev/null; do sleep 0.01; done`);
  assert.equal(await mounted(host), 1);
  await using _second = await host.startEngine();
  assert.equal(await mounted(host), 0);
  assert.deepEqual(await volumes(host), ["memory", "named"]);
  assert.equal((await host.docker("ps", "-aq")).stdout, "");
});

test("a container whose creation fails leaves no volume, and takes none of another's", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await using engine = await host.startEngine();
  await host.docker("volume", "create", "kept");
  const refused = async (...words: string[]) => {
    const { code, stderr } = await host.tryDocker("create", ...words);
    assert.notEqual(code, 0, words.join(" "));
    assert.deepEqual(await volumes(host), ["kept"], stderr);
  };
  await refused("-v", "kept:/a", "-v", "new:/b", "-v", "/anon", "-v", "bad:/etc/passwd", "busybox");
  await refused("-v", "new:/b", "-v", "b@d:/c", "busybox");
  await refused(
    "-v",
    "new:/b",
    "--mount",
    "type=volume,source=other,target=/c,volume-driver=none",
    "busybox",
  );
  await refused(
    "--mount",
    "type=volume,source=new,target=/etc,volume-opt=type=none,volume-opt=device=/no/such,volume-opt=o=bind",
    "busybox",
  );
  assert.equal((await host.docker("ps", "-aq")).stdout, "");
  assert.equal((await sh(host, `ls ${host.dataRoot}/volumes`)).stdout, "kept\n");
  assert.equal((await sh(host, `grep -c ${host.dataRoot} /proc/mounts`)).stdout, "0\n");
  assert.doesNotMatch(engine.log(), /left behind|undo/);
});

test("many containers make, use and leave one volume at the same time", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await using _engine = await host.startEngine();
  await host.docker("volume", "create", ...MEMORY, "memory");
  const script =
    "for i in 1 2 3 4 5 6 7 8; do docker run --rm -v memory:/m -v shared:/etc -v /anon busybox " +
    "sh -c 'grep -q root /etc/passwd && grep -q \" /m tmpfs\" /proc/mounts' || echo failed $i & done; " +
    "docker volume rm shared >/dev/null 2>&1 & wait";
  assert.equal((await sh(host, script)).stdout, "");
  assert.equal(await mounted(host), 0);
  const left = await volumes(host);
  assert.ok(
    left.every((name) => name === "memory" || name === "shared"),
    left.join(" "),
  );
});
