/** What goes on by itself while containers run, and over engines: health, logs, restarts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { inspect } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `it never came true: ${what}`);
    await sleep(30);
  }
}

describe("while it runs", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = (...args: string[]) => suite.host.docker(...args);
  const statusOf = async (name: string): Promise<string> =>
    (await docker("ps", "-a", "--filter", `name=^${name}$`, "--format", "{{.Status}}")).stdout;
  const format = async (name: string, template: string): Promise<string> =>
    (await docker("inspect", name, "--format", template)).stdout.trim();

  test("a health check starts, fails, succeeds; its events and the list tell", async () => {
    const since = (await suite.host.run("date", ["+%s.%N"])).stdout.trim();
    await docker(
      ...["run", "-d", "--name", "sick", "--health-cmd", "test -f /well || { echo no; exit 1; }"],
      ...["--health-interval", "100ms", "--health-retries", "2", "busybox", "sleep", "1000"],
    );
    assert.match(await statusOf("sick"), /\((health: starting|unhealthy)\)/);
    await until("unhealthy", async () => (await statusOf("sick")).includes("(unhealthy)"));
    const [first] = JSON.parse(await format("sick", "{{json .State.Health.Log}}"));
    assert.deepEqual([first.ExitCode, first.Output], [1, "no\n"]);
    await docker("exec", "sick", "touch", "/well");
    await until("healthy", async () => (await statusOf("sick")).includes("(healthy)"));
    assert.equal(await format("sick", "{{.State.Health.FailingStreak}}"), "0");
    const healthy = await docker("ps", "--filter", "health=healthy", "--format", "{{.Names}}");
    assert.equal(healthy.stdout, "sick\n");
    await docker("rm", "-f", "sick");
    const until_ = (await suite.host.run("date", ["+%s.%N"])).stdout.trim();
    const told = await docker(
      ...["events", "--since", since, "--until", until_, "--filter", "container=sick"],
      ...["--filter", "event=health_status", "--format", "{{.Action}}"],
    );
    assert.deepEqual(told.stdout.trim().split("\n"), ["health_status: unhealthy", "health_status: healthy"]);
  });

  test("a probe is killed at its time; one that can't be run says why", async () => {
    const run = (name: string, command: string[]) =>
      suite.engine
        .request("POST", `/v1.50/containers/create?name=${name}`, {
          Image: "busybox",
          Cmd: ["sleep", "1000"],
          Healthcheck: { Test: ["CMD", ...command], Interval: 1e8, Timeout: 1e8, Retries: 1 },
        })
        .then(() => docker("start", name));
    await run("late", ["sh", "-c", "echo so far; exec sleep 4711"]);
    await run("missing", ["/nowhere"]);
    for (const [name, output] of [
      ["late", /^Health check exceeded timeout \(100ms\): so far\n$/],
      [
        "missing",
        /^OCI runtime exec failed: exec failed: unable to start container process: exec: "\/nowhere": stat \/nowhere: no such file or directory: unknown$/,
      ],
    ] as const) {
      await until(name, async () => (await statusOf(name)).includes("(unhealthy)"));
      const [first] = JSON.parse(await format(name, "{{json .State.Health.Log}}"));
      assert.equal(first.ExitCode, -1);
      assert.match(first.Output, output);
    }
    await docker("rm", "-f", "late", "missing");
    assert.equal((await suite.host.run("pgrep", ["-f", "sleep 4711"], { check: false })).stdout, "");
  });

  test("a log that is rotated and compressed loses no line, for those who follow and those who come later", async () => {
    const script =
      "i=0; while [ $i -lt 6000 ]; do echo line $i; i=$((i+1)); [ $((i % 50)) = 0 ] && sleep 0.01; done";
    await docker(
      ...["run", "-d", "--name", "wordy", "--log-opt", "max-size=20k", "--log-opt", "max-file=100"],
      ...["--log-opt", "compress=true", "busybox", "sh", "-c", script],
    );
    const followed = await docker("logs", "-f", "wordy");
    const expected = Array.from({ length: 6000 }, (_, i) => `line ${i}\n`);
    assert.equal(followed.stdout, expected.join(""));
    assert.equal((await docker("logs", "wordy")).stdout, followed.stdout);
    assert.equal((await docker("logs", "--tail", "4000", "wordy")).stdout, expected.slice(2000).join(""));
    const path = await format("wordy", "{{.LogPath}}");
    assert.ok((await suite.host.run("sh", ["-c", `ls ${path}.*`])).stdout.includes(".1"));
    await docker("rm", "wordy");
  });

  test("details of a log, and what has none", async () => {
    await docker(
      ...[
        "run",
        "--name",
        "detailed",
        "--log-opt",
        "labels=team",
        "--log-opt",
        "env=A",
        "--label",
        "team=x y",
      ],
      ...["-e", "A=1=2", "busybox", "echo", "hi"],
    );
    assert.equal((await docker("logs", "--details", "detailed")).stdout, "A=1%3D2,team=x+y hi\n");
    await docker("run", "--name", "silent", "--log-driver", "none", "busybox", "echo", "hi");
    const refused = await suite.host.tryDocker("logs", "silent");
    assert.match(refused.stderr, /configured logging driver does not support reading/);
    const unknown = await suite.host.tryDocker("run", "--log-driver", "syslog", "busybox");
    assert.match(unknown.stderr, /logger: no log driver named 'syslog' is registered/);
    await docker("rm", "detailed", "silent");
  });

  test("restarts: so many and no more; called off by stop; once and removed", async () => {
    await docker(
      "run",
      "-d",
      "--name",
      "thrice",
      "--restart",
      "on-failure:3",
      "busybox",
      "sh",
      "-c",
      "exit 5",
    );
    await until("exited", async () => (await statusOf("thrice")).startsWith("Exited (5)"));
    assert.equal(await format("thrice", "{{.RestartCount}} {{.State.Status}}"), "3 exited");

    await docker("run", "-d", "--name", "again", "--restart", "always", "busybox", "false");
    await until("restarted", async () => Number(await format("again", "{{.RestartCount}}")) > 2);
    await docker("stop", "-t", "0", "again");
    const count = await format("again", "{{.RestartCount}}");
    assert.match(await statusOf("again"), /^Exited/);
    await sleep(1000);
    assert.equal(await format("again", "{{.RestartCount}} {{.State.Status}}"), `${count} exited`);

    const rm = await suite.host.tryDocker("run", "--rm", "--restart", "always", "busybox");
    assert.match(rm.stderr, /conflicting options: cannot specify both --restart and --rm/);
    await docker("rm", "thrice", "again");
  });

  test("20 MB at a terminal, every byte", async () => {
    const script = 'stty -opost; head -c 20000000 /dev/zero | tr "\\0" b';
    const { stdout } = await suite.host.run(
      "sh",
      [
        "-c",
        `script -qec 'stty -opost; exec docker run -it --rm busybox sh -c "$SCRIPT"' /dev/null < /dev/null | tr -cd b | wc -c`,
      ],
      { env: { SCRIPT: script, DOCKER_HOST: suite.host.address, PATH: process.env.PATH ?? "" } },
    );
    // script(1) itself echoes two backspaces, and no letter.
    assert.equal(stdout.trim(), "20000000");
  });
});

test("over engines: policies, health and logs go on; SIGTERM without live restore stops them first", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const loop = [
    "busybox",
    "sh",
    "-c",
    "trap 'echo bye; exit 0' TERM; echo begun; while :; do sleep 0.05; done",
  ];
  const first = await host.startEngine({
    flags: ["--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "max-file=3"],
  });
  const run = (name: string, ...flags: string[]) =>
    host.docker("run", "-d", "--name", name, ...flags, ...loop);
  await run("always", "--restart", "always");
  await run("unless", "--restart", "unless-stopped", "--health-cmd", "true", "--health-interval", "100ms");
  await run("stopped", "--restart", "unless-stopped");
  // Its probe outlives the engine that began it, and would outlive its time.
  await run("plain", "--health-cmd", "exec sleep 4712", "--health-interval", "100ms");
  await host.docker("stop", "-t", "0", "stopped");
  const log = (await host.docker("inspect", "plain", "--format", "{{json .HostConfig.LogConfig}}")).stdout;
  assert.deepEqual(JSON.parse(log), { Type: "local", Config: { "max-size": "1m", "max-file": "3" } });
  const healthy = async () =>
    (await host.docker("ps", "--filter", "health=healthy", "--format", "{{.Names}}")).stdout === "unless\n";
  await until("healthy", healthy);
  const before = await inspect(host, "unless");
  const probes = async () => (await host.run("pgrep", ["-f", "sleep 4712"], { check: false })).stdout.trim();
  await until("a probe", async () => (await probes()) !== "");
  await first.kill9();
  const left = await probes();
  assert.notEqual(left, "");

  const second = await host.startEngine({ flags: ["--live-restore=false", "--shutdown-timeout", "5"] });
  assert.equal((await inspect(host, "unless")).State.Pid, before.State.Pid);
  assert.ok(await healthy(), "it is as healthy as it was");
  await until("ended by the next engine", async () => (await probes()) !== left);
  await until("probed", async () => {
    const { stdout } = await host.docker("inspect", "unless", "--format", "{{json .State.Health.Log}}");
    return JSON.parse(stdout).length === 5;
  });
  assert.equal(await second.stop(), 0);

  await using _third = await host.startEngine();
  const { stdout } = await host.docker("ps", "-a", "--format", "{{.Names}} {{.State}}");
  assert.deepEqual(stdout.trim().split("\n").toSorted(), [
    "always running",
    "plain exited",
    "stopped exited",
    "unless running",
  ]);
  // Stopped in good order, each by its own signal.
  assert.equal((await inspect(host, "plain")).State.ExitCode, 0);
  assert.equal((await host.docker("logs", "plain")).stdout, "begun\nbye\n");
  await until(
    "begun again",
    async () => (await host.docker("logs", "always")).stdout === "begun\nbye\nbegun\n",
  );
});
