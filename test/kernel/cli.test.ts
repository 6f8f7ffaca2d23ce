/** The command and the daemon, in a host of their own: what a person does at a terminal. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, suite, test } from "node:test";
import type { CommandOptions } from "../support/command.ts";
import type { EngineProcess } from "../support/engine-process.ts";
import { ThrowawayHost } from "../support/host.ts";
import { withoutRoot } from "../support/root.ts";

const BINARY = join(import.meta.dirname, "../../bin/drawbridge");

suite("drawbridge", { skip: withoutRoot }, () => {
  let host: ThrowawayHost;
  let engine: EngineProcess;
  let configFile: string;

  const drawbridge = (args: readonly string[], options: CommandOptions = {}) =>
    host.run(BINARY, ["-H", host.address, ...args], { check: false, ...options });

  const daemon = (...flags: string[]) => {
    const roots = ["--data-root", host.dataRoot, "--exec-root", host.execRoot];
    return host.run(BINARY, ["daemon", ...roots, "-H", `unix://${host.directory}/other.sock`, ...flags], {
      check: false,
    });
  };

  before(async () => {
    host = await ThrowawayHost.create();
    configFile = join(host.directory, "daemon.json");
    writeFileSync(configFile, JSON.stringify({ labels: ["first=1"], "userland-proxy": false }));
    engine = await host.startEngine({ flags: ["--config-file", configFile] });
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  });

  test("run, ps, logs, exec, stop, rm", async () => {
    const { stdout: id } = await drawbridge([
      "run",
      "-d",
      "--name",
      "web",
      "busybox",
      "sh",
      "-c",
      "echo up; echo oops >&2; exec sleep 3600",
    ]);
    assert.match(id, /^[0-9a-f]{64}\n$/);
    const { stdout: ps } = await drawbridge(["ps", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.State}}"]);
    assert.equal(ps, `${id.slice(0, 12)} busybox web running\n`);
    // Its lines come when they come: follow until both are there.
    const follow = `"$0" -H ${host.address} logs -f web > ${host.directory}/logs 2>&1 & pid=$!
      until [ "$(wc -l < ${host.directory}/logs)" = 2 ]; do sleep 0.05; done; kill $pid`;
    await host.run("sh", ["-c", follow, BINARY]);
    const lines = readFileSync(join(host.directory, "logs"), "utf8").trim().split("\n");
    assert.deepEqual(lines.toSorted(), ["oops", "up"]);
    assert.deepEqual(
      await drawbridge(["exec", "-e", "A=b c", "-w", "/tmp", "web", "sh", "-c", 'echo "$A $PWD"; exit 3']),
      {
        code: 3,
        stdout: "b c /tmp\n",
        stderr: "",
      },
    );
    assert.equal((await drawbridge(["exec", "-i", "web", "cat"], { input: "hello" })).stdout, "hello");
    assert.equal((await drawbridge(["exec", "web", "nope"])).code, 126);
    assert.equal((await drawbridge(["stop", "-t", "0", "web"])).stdout, "web\n");
    assert.equal((await drawbridge(["rm", "web"])).stdout, "web\n");
    assert.equal((await drawbridge(["ps", "-aq"])).stdout, "");
  });

  test("run's exit status, input and signals are the container's", async () => {
    const [seven, missing, cat] = await Promise.all([
      drawbridge(["run", "--rm", "busybox", "sh", "-c", "exit 7"]),
      drawbridge(["run", "--rm", "busybox", "nope"]),
      drawbridge(["run", "-i", "--rm", "busybox", "cat"], { input: "hi\n" }),
    ]);
    assert.deepEqual([seven.code, missing.code, cat.stdout], [7, 127, "hi\n"]);
    // SIGTERM reaches the shell in the container, which says so and ends with a status of its own.
    const script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    const told = await host.run(
      "sh",
      [
        "-c",
        `
      "$0" -H ${host.address} run --rm busybox sh -c "$1" > ${host.directory}/said & pid=$!
      until grep -q ready ${host.directory}/said; do sleep 0.05; done
      kill -TERM $pid; wait $pid`,
        BINARY,
        script,
      ],
      { check: false },
    );
    assert.equal(told.code, 9);
    assert.equal(readFileSync(join(host.directory, "said"), "utf8"), "ready\ngot it\n");
  });

  test("at a terminal: attach, size, detach, attach again, exit", async () => {
    const command = ["-H", host.address, "run", "-it", "--name", "shell", "busybox"];
    await using first = host.pty(BINARY, command);
    await first.waitFor("/ # ");
    first.send("stty size\r");
    await first.waitFor("24 80");
    await first.resize(100, 30);
    await first.waitFor("/ # ");
    // The new size travels on its own: ask until it is there.
    first.send("until stty size | grep '30 100'; do sleep 0.1; done\r");
    await first.waitFor("\n30 100");
    first.send("\x10\x11");
    assert.equal(await first.exited, 0);

    await using second = host.pty(BINARY, ["-H", host.address, "attach", "shell"]);
    second.send("echo back-$((1+1))\r");
    await second.waitFor("back-2");
    second.send("exit 4\r");
    assert.equal(await second.exited, 4);
    const { stdout } = await drawbridge(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "shell"]);
    assert.equal(stdout, "exited 4\n");
    assert.match(
      (await drawbridge(["attach", "shell"])).stderr,
      /cannot attach to a stopped container, start it first/,
    );
    await drawbridge(["rm", "shell"]);
  });

  test("SIGHUP takes labels, mirrors and level over", async () => {
    assert.equal((await drawbridge(["info", "-f", "{{.Labels}}"])).stdout, "[first=1]\n");
    const changed = { labels: ["second=2"], "registry-mirrors": ["http://127.0.0.1:5999"] };
    writeFileSync(configFile, JSON.stringify({ ...changed, debug: true, mtu: 1400 }));
    process.kill(engine.pid, "SIGHUP");
    while (!engine.log().includes("configuration reloaded"))
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await drawbridge(["info", "-f", "{{.Labels}}"])).stdout, "[second=2]\n");
    const mirrors = await drawbridge(["info", "-f", "{{.RegistryConfig.Mirrors}}"]);
    assert.equal(mirrors.stdout, "[http://127.0.0.1:5999/]\n");
    assert.match(
      engine.log(),
      /"settings":\["bridge"\].*these settings take effect when the engine is started again/,
    );
  });

  test("the engine says what it passed over, once, and where it listens", () => {
    assert.match(engine.log(), /"message":"without effect here, though dockerd knows them: userland-proxy"/);
    assert.ok(engine.log().includes(`"message":"API listen on ${host.address}"`));
  });

  test("a second engine is refused, by pid file or by data root, and touches nothing", async () => {
    const byPidFile = await daemon();
    assert.equal(byPidFile.code, 1);
    assert.match(byPidFile.stderr, /process with PID \d+ is still running; stop it, or pass --pidfile/);
    const byDataRoot = await daemon(
      "--exec-root",
      join(host.directory, "exec2"),
      "--pidfile",
      join(host.directory, "pid2"),
    );
    assert.equal(byDataRoot.code, 1);
    assert.match(byDataRoot.stderr, /another engine uses the data root/);
    assert.equal(existsSync(join(host.directory, "pid2")), false);
    assert.equal(existsSync(join(host.directory, "other.sock")), false);
  });

  test("without root, and without the programs it stands on, one clear sentence", async () => {
    // The checkout may lie where nobody else can read: the same files, seen where everybody can.
    const script = `mkdir /run/checkout; mount --bind "$0" /run/checkout
      exec setpriv --reuid 65534 --clear-groups /run/checkout/bin/drawbridge daemon`;
    const checkout = join(BINARY, "../..");
    const nobody = await host.run("unshare", ["--mount", "sh", "-c", script, checkout], { check: false });
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /needs root: sudo drawbridge daemon\n$/);
    // In mounts of its own, something that can't be run lies where they are.
    const hide = `for program in crun runc conmon; do
        for file in $(which -a $program); do mount --bind /dev/null $file; done
      done
      exec "$0" daemon --data-root ${host.directory}/none --exec-root ${host.directory}/none`;
    const bare = await host.run("unshare", ["--mount", "sh", "-c", hide, BINARY], { check: false });
    assert.equal(bare.code, 1);
    assert.match(
      bare.stderr,
      /missing on this machine: .*crun or runc.*conmon.*sudo apt-get install -y crun conmon\n$/,
    );
  });

  test("an orderly stop leaves containers running; the next engine stops them where told to; the host is cleaned up", async () => {
    await drawbridge(["run", "-d", "--name", "lives", "busybox", "sleep", "3600"]);
    const pidFile = join(host.execRoot, "drawbridge.pid");
    assert.ok(existsSync(pidFile));
    assert.equal(await engine.stop(), 0);
    assert.equal(existsSync(pidFile), false);
    const refused = await daemon("--clean");
    assert.match(refused.stderr, /containers run: .*Stop them before cleaning up/);

    engine = await host.startEngine({ flags: ["--live-restore=false", "--shutdown-timeout=1"] });
    assert.equal((await drawbridge(["ps", "--format", "{{.Names}}"])).stdout, "lives\n");
    assert.equal(await engine.stop(), 0);
    const cleaned = await daemon("--clean");
    assert.equal(cleaned.code, 0, cleaned.stderr);
    assert.match(cleaned.stdout, /^removed network bridge\nset net\.ipv4\.ip_forward back to 0$/m);
    assert.doesNotMatch((await host.run("ip", ["-br", "link"])).stdout, /docker0|veth/);
  });
});
