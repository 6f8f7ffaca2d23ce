/** `docker run` as people use it, by the real command, newest API and that of CLI 20.10. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CommandOptions } from "../support/command.ts";
import { inspect, linksOf, portsOf } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

for (const version of ["1.50", "1.41"]) {
  describe(`docker run, API ${version}`, { skip: withoutRoot }, () => {
    const suite = hostWithEngine();

    const call = (args: readonly string[], options: CommandOptions = {}) =>
      suite.host.run("docker", args, { check: false, ...options, env: { DOCKER_API_VERSION: version } });
    const docker = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await call(args);
      assert.equal(code, 0, `docker ${args.join(" ")}: ${stderr}`);
      return stdout.trimEnd();
    };

    test("exit codes come through", async () => {
      assert.equal((await call(["run", "--rm", "busybox", "sh", "-c", "exit 7"])).code, 7);
      assert.equal((await call(["run", "--rm", "busybox", "true"])).code, 0);
      assert.equal(
        (await call(["run", "--rm", "busybox", "sh", "-c", "sleep 9 & kill -9 $!; wait $!"])).code,
        137,
      );
      const missing = await call(["run", "--rm", "busybox", "no-such-command"]);
      assert.equal(missing.code, 127);
      assert.match(missing.stderr, /executable file not found in \$PATH/);
      assert.equal((await call(["run", "--rm", "busybox", "/etc"])).code, 126);
      assert.equal(await docker("ps", "-aq"), "", "--rm leaves none of them");
    });

    test("standard input, output and errors are the process's own", async () => {
      const echoed = await call(["run", "-i", "--rm", "busybox", "cat"], { input: "hi\n" });
      assert.deepEqual([echoed.code, echoed.stdout], [0, "hi\n"]);
      const both = await call(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2"]);
      assert.deepEqual([both.stdout, both.stderr], ["out\n", "err\n"]);
      const input = "0123456789abcdef".repeat(64 * 1024);
      const much = await call(["run", "-i", "--rm", "busybox", "md5sum"], { input });
      const { stdout } = await suite.host.run("md5sum", [], { input });
      assert.equal(much.stdout, stdout);
    });

    test("host, none and shared networks", async () => {
      const names = (text: string) => [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name);
      const own = (await linksOf(suite.host)).map(({ ifname }) => ifname);
      assert.deepEqual(names(await docker("run", "--rm", "--network", "host", "busybox", "ip", "link")), own);
      assert.deepEqual(names(await docker("run", "--rm", "--network", "none", "busybox", "ip", "link")), [
        "lo",
      ]);
      await docker("run", "-d", "--name", "test2", "busybox", "sleep", "1000");
      const { NetworkSettings: settings } = await inspect(suite.host, "test2");
      const shared = await docker("run", "--rm", "--network", "container:test2", "busybox", "ip", "address");
      assert.match(shared, new RegExp(`${settings.IPAddress}/16`));
      await docker("rm", "-f", "test2");
    });

    test("exec: exit code, environment, user, directory, terminal", async () => {
      await docker("run", "-d", "--name", "box", "-e", "A=1", "busybox", "sleep", "1000");
      assert.equal((await call(["exec", "box", "sh", "-c", "exit 3"])).code, 3);
      assert.equal((await call(["exec", "box", "no-such-command"])).code, 126);
      const told = await docker(
        "exec",
        "-e",
        "B=2",
        "-w",
        "/tmp",
        "-u",
        "65534:65534",
        "box",
        "sh",
        "-c",
        "echo $A $B $PWD $(id -u)",
      );
      assert.equal(told, "1 2 /tmp 65534");
      assert.equal((await call(["exec", "-i", "box", "cat"], { input: "in" })).stdout, "in");
      assert.match(await docker("exec", "-t", "box", "tty"), /^\/dev\/pts\/\d/);
      await docker("exec", "-d", "box", "sh", "-c", "echo later > /tmp/later");
      await docker("rm", "-f", "box");
    });

    test("logs: all of it, its end, its times, as it comes", async () => {
      await docker(
        "run",
        "--name",
        "talker",
        "busybox",
        "sh",
        "-c",
        "for i in 1 2 3; do echo line $i; done; echo no >&2",
      );
      assert.deepEqual((await call(["logs", "talker"])).stdout, "line 1\nline 2\nline 3\n");
      assert.deepEqual((await call(["logs", "talker"])).stderr, "no\n");
      const tail = await call(["logs", "--tail", "2", "talker"]);
      assert.deepEqual([tail.stdout, tail.stderr], ["line 3\n", "no\n"]);
      assert.match((await call(["logs", "-t", "talker"])).stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z line 1\n/);
      assert.equal((await call(["logs", "--since", "2099-01-01T00:00:00Z", "talker"])).stdout, "");
      await docker("run", "-d", "--name", "slow", "busybox", "sh", "-c", "echo a; sleep 0.5; echo b");
      assert.equal((await call(["logs", "-f", "slow"])).stdout, "a\nb\n");
      await docker("rm", "talker", "slow");
    });

    test("stop, start, restart, rename, wait, kill", async () => {
      await docker(
        "run",
        "-d",
        "--name",
        "one",
        "busybox",
        "sh",
        "-c",
        "trap 'exit 5' TERM; while :; do sleep 0.05; done",
      );
      await docker("rename", "one", "two");
      await docker("stop", "two");
      assert.equal((await inspect(suite.host, "two")).State.ExitCode, 5);
      await docker("start", "two");
      await docker("restart", "-t", "1", "two");
      assert.equal((await inspect(suite.host, "two")).State.Status, "running");
      const waiting = docker("wait", "two");
      await docker("kill", "-s", "KILL", "two");
      assert.equal(await waiting, "137");
      await docker("rm", "two");
      assert.deepEqual(await portsOf(suite.host, "docker0"), []);
    });

    test("what was asked of the container is what it is", async () => {
      const told = await docker(
        ..."run --rm --hostname web --user 1000:1000 --workdir /srv --read-only --tmpfs /run -e GREETING=hello".split(
          " ",
        ),
        ..."--add-host db:10.9.8.7 --add-host up:host-gateway --dns 192.0.2.53 --dns-search example.org".split(
          " ",
        ),
        ..."--cap-drop ALL --security-opt no-new-privileges busybox sh -c".split(" "),
        `hostname; id -u; pwd; echo $GREETING; touch /x 2>&1; touch /run/x && echo tmpfs;
         grep -E 'db|up|web' /etc/hosts; cat /etc/resolv.conf; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status`,
      ).catch((error: Error) => error.message);
      for (const line of [
        /^web\n1000\n\/srv\nhello\n/,
        /Read-only file system/,
        /^10\.9\.8\.7\s+db$/m,
        /^172\.17\.0\.1\s+up$/m,
        /^172\.17\.0\.\d+\s+web$/m,
        /^nameserver 192\.0\.2\.53$/m,
        /^search example\.org$/m,
        /^CapEff:\s+0000000000000000$/m,
        /^NoNewPrivs:\s+1$/m,
        /^Seccomp:\s+2$/m,
      ]) {
        assert.match(told, line);
      }
    });

    test("an image is made from a tar, and told how to run", async () => {
      await suite.host.run("sh", [
        "-ec",
        `mkdir -p /run/rootfs/bin && cp /bin/busybox /run/rootfs/bin/sh && tar -C /run/rootfs -cf /run/rootfs.tar .`,
      ]);
      await docker(
        "import",
        "--change",
        'CMD ["sh", "-c", "echo imported $WHO"]',
        "--change",
        "ENV WHO=me",
        "/run/rootfs.tar",
        "mine:1",
      );
      assert.equal(await docker("run", "--rm", "mine:1"), "imported me");
      assert.match(await docker("images", "--format", "{{.Repository}}:{{.Tag}}"), /^mine:1$/m);
      await docker("rmi", "mine:1");
    });

    test("events tell a container's life in Docker's order", async () => {
      const since = Date.now() / 1000;
      await docker("run", "--name", "life", "busybox", "true");
      await docker("rm", "life");
      const lines = await docker(
        "events",
        "--since",
        since.toFixed(3),
        "--until",
        (since + 2).toFixed(3),
        "--format",
        "{{.Type}} {{.Action}}",
      );
      assert.deepEqual(lines.split("\n"), [
        "container create",
        "container attach",
        "network connect",
        "container start",
        "container die",
        "network disconnect",
        "container destroy",
      ]);
    });

    test("filters and formats of ps", async () => {
      await docker("run", "-d", "--name", "kept", "--label", "a=b", "busybox", "sleep", "1000");
      assert.equal((await call(["run", "--name", "gone", "busybox", "sh", "-c", "exit 4"])).code, 4);
      const names = async (...args: string[]) =>
        (await docker("ps", ...args, "--format", "{{.Names}}")).split("\n").filter(Boolean);
      assert.deepEqual(await names(), ["kept"]);
      assert.deepEqual(await names("-a"), ["gone", "kept"]);
      assert.deepEqual(await names("-a", "--filter", "exited=4"), ["gone"]);
      assert.deepEqual(await names("--filter", "label=a=b"), ["kept"]);
      assert.deepEqual(await names("-a", "--filter", "name=on"), ["gone"]);
      assert.deepEqual(await names("-a", "--filter", "status=running"), ["kept"]);
      assert.deepEqual(await names("-a", "--filter", "ancestor=busybox", "-n", "1"), ["gone"]);
      await docker("rm", "-f", "kept", "gone");
    });
  });
}
