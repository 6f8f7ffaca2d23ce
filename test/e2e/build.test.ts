/** Images built by `docker build`, by drawbridge's own, and by clients that vanish. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const CLI = join(import.meta.dirname, "../../bin/drawbridge");

describe("building images", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  let top = "";

  before(() => {
    top = mkdtempSync(join(suite.host.directory, "contexts-"));
  });

  /** A directory with these files. */
  const context = (files: Readonly<Record<string, string>>): string => {
    const directory = mkdtempSync(join(top, "context-"));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(directory, name, ".."), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    return directory;
  };
  const build = (...args: readonly string[]) =>
    suite.host.run("docker", ["build", ...args], {
      check: false,
      env: { ...suite.host.environment, DOCKER_BUILDKIT: "0" },
    });
  const built = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await build(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const inspected = async (image: string) => {
    const { status, text } = await suite.engine.request("GET", `/images/${image}/json`);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  };
  const ran = async (image: string, ...command: readonly string[]) =>
    (await suite.host.docker("run", "--rm", image, ...command)).stdout;
  /** Host ends of sandboxes' pairs; the host's own way out is a pair as well. */
  const pairs = async () =>
    (await suite.host.run("ip", ["-br", "link", "show", "type", "veth"])).stdout
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("eth0@"));
  const work = () => readdirSync(join(suite.host.dataRoot, "build/work"));

  test("FROM, ENV, COPY, RUN, CMD; the second time from the cache", async () => {
    const directory = context({
      Dockerfile:
        "FROM busybox\nENV A=b\nCOPY d /d\nRUN echo out; echo err >&2; cat /d/f > /copied\nCMD cat /copied\n",
      "d/f": "hello\n",
    });
    const first = await built("-t", "app", "-t", "app:2", directory);
    assert.match(first, /Step 4\/5 : RUN echo out.*\n ---> Running in [0-9a-f]{12}\n/);
    // Its two streams come in either order, and the red one ends with a sequence of its own.
    assert.ok(first.includes("out\n"), first);
    assert.ok(first.includes("\u001b[91merr\n\u001b[0m"), first);
    assert.match(first, /Successfully tagged app:latest\nSuccessfully tagged app:2\n/);
    assert.equal(await ran("app"), "hello\n");
    const again = await built("-t", "app:3", directory);
    assert.equal(again.match(/ ---> Using cache\n/g)?.length, 4);
    const [one, three, base] = await Promise.all(["app", "app:3", "busybox"].map(inspected));
    assert.equal(one.Id, three.Id);
    assert.ok(first.includes(`Successfully built ${one.Id.slice(7, 19)}\n`));
    assert.deepEqual(one.RootFS.Layers.slice(0, 1), base.RootFS.Layers);
    assert.equal(one.Parent, base.Id);
    assert.ok(one.Config.Env.includes("A=b"));
    assert.deepEqual(work(), []);
    const named = (image: string) => built("--cache-from", image, directory);
    assert.match(await named("app"), / ---> Using cache\n/);
    assert.doesNotMatch(await named("nosuch"), / ---> Using cache\n/);
  });

  test("stages, labels, arguments, a target, another Dockerfile, an external image", async () => {
    await built("-t", "tools", context({ Dockerfile: "FROM scratch\nCOPY t /t\n", t: "tool" }));
    const directory = context({
      "other/File":
        "ARG BASE=nothing\nFROM $BASE AS make\nARG N\nRUN echo $N > /n\nONBUILD RUN echo trigger > /trigger\nFROM scratch AS small\nCOPY --from=make /n /n\nCOPY --from=tools /t /t\nFROM make\nRUN cat /trigger\n",
    });
    const flags = ["--build-arg", "BASE=busybox", "--build-arg", "N=7", "-f", join(directory, "other/File")];
    await built(...flags, "--target", "small", "--label", "a=b c", "-t", "small", directory);
    const small = await inspected("small");
    assert.deepEqual(small.Config.Labels, { a: "b c" });
    assert.equal(small.RootFS.Layers.length, 2);
    const all = await built(...flags, directory);
    assert.match(all, /# Executing 1 build trigger\n/);
    assert.match(all, /^trigger$/m);
  });

  test("what Docker's config has comes through whole", async () => {
    const dockerfile = [
      "FROM scratch",
      "HEALTHCHECK --interval=5s CMD true",
      "STOPSIGNAL SIGUSR1",
      "VOLUME /v",
      "EXPOSE 80/udp",
      "MAINTAINER me <me@example.org>",
      "WORKDIR /w",
      "USER 3:4",
      'SHELL ["/bin/x", "-c"]',
      'ENTRYPOINT ["e"]',
      "ONBUILD RUN y",
    ];
    await built("-t", "config", context({ Dockerfile: dockerfile.join("\n") }));
    const { Author, Config } = await inspected("config");
    assert.equal(Author, "me <me@example.org>");
    assert.deepEqual(Config.Healthcheck, { Test: ["CMD-SHELL", "true"], Interval: 5_000_000_000 });
    assert.equal(Config.StopSignal, "SIGUSR1");
    assert.deepEqual([Config.Volumes, Config.ExposedPorts], [{ "/v": {} }, { "80/udp": {} }]);
    assert.deepEqual([Config.WorkingDir, Config.User, Config.Entrypoint], ["/w", "3:4", ["e"]]);
    assert.deepEqual([Config.OnBuild, Config.Shell], [["RUN y"], ["/bin/x", "-c"]]);
  });

  test("failures, in dockerd's words", async () => {
    const failing = async (dockerfile: string, ...flags: string[]) => {
      const { code, stderr } = await build(...flags, context({ Dockerfile: dockerfile }));
      return [code, stderr.trim().split("\n").at(-1)];
    };
    assert.deepEqual(await failing("FROM busybox\nRUN exit 3\n"), [
      3,
      "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
    ]);
    assert.deepEqual(await failing("FROM busybox\nCOPY nosuch /\n"), [
      1,
      "COPY failed: file not found in build context or excluded by .dockerignore: stat nosuch: file does not exist",
    ]);
    assert.deepEqual(await failing("FROM busybox\nFOO x\n"), [
      1,
      "Error response from daemon: dockerfile parse error on line 2: unknown instruction: FOO",
    ]);
    assert.deepEqual(await failing("FROM busybox\n", "--target", "none"), [
      1,
      'Error response from daemon: target stage "none" could not be found',
    ]);
    const { status, text } = await suite.engine.request("POST", "/build?t=UPPER");
    assert.equal(status, 400);
    assert.match(text, /invalid reference format: repository name \(library\/UPPER\) must be lowercase/);
    assert.deepEqual(work(), []);
  });

  test("a RUN step is confined as a container is, and on the network that it was given", async () => {
    const dockerfile =
      "FROM busybox\nRUN exec 2>&1; grep -E 'CapEff|Seccomp:' /proc/self/status; ls /proc | grep -c '^[0-9]'; mount -t tmpfs x /mnt || echo no mount; ls /sys/class/net | tr '\\n' ' '; echo; ping -c 1 -W 2 203.0.113.1 > /dev/null && echo reached\n";
    const directory = context({ Dockerfile: dockerfile });
    const bridged = await built("--no-cache", directory);
    for (const line of [
      /^CapEff:\t00000000a80425fb$/m,
      /^Seccomp:\t2$/m,
      /no mount$/m,
      /eth0/,
      /reached$/m,
    ]) {
      assert.match(bridged, line);
    }
    const none = await build("--no-cache", "--network", "none", directory);
    assert.match(none.stdout, /^lo $/m);
    assert.match(none.stdout, /^ping: .*unreachable$/m);
    assert.deepEqual(await pairs(), []);
  });

  test("no step mounts what is the host's, not even one that its base image asks for", async () => {
    const mounting = "RUN --mount=type=bind,source=host,target=/mnt ls /mnt";
    const directory = context({ Dockerfile: `FROM busybox\n${mounting}\n` });
    symlinkSync("/", join(directory, "host"));
    await suite.host.docker("create", "--name", "trap", "busybox");
    await suite.host.docker("commit", "--change", `ONBUILD ${mounting}`, "trap", "trap");
    await suite.host.docker("rm", "trap");
    const own = await build(directory);
    writeFileSync(join(directory, "Dockerfile"), "FROM trap\nRUN true\n");
    const inherited = await build(directory);
    for (const { code, stderr } of [own, inherited]) {
      assert.notEqual(code, 0);
      assert.match(stderr, /the --mount option requires BuildKit/);
    }
  });

  test("values of build arguments are on no command line", async () => {
    const step = "RUN cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; echo value of $TOKEN";
    const directory = context({ Dockerfile: `FROM busybox\nARG TOKEN\n${step}\n` });
    const spying = suite.host.run("sh", [
      "-c",
      "for i in $(seq 40); do cat /proc/[0-9]*/cmdline; sleep 0.1; done 2>/dev/null | tr '\\0' '\\n'; true",
    ]);
    const environment = { ...suite.host.environment, DOCKER_BUILDKIT: "0", TOKEN: "s3cret-of-a-build" };
    const args = ["build", "--no-cache", "--build-arg", "TOKEN", directory];
    const { stdout } = await suite.host.run("docker", args, { env: environment });
    assert.match(stdout, /value of s3cret-of-a-build/);
    const seen = (await spying).stdout;
    assert.match(seen, /^--build-arg$/m);
    assert.doesNotMatch(seen, /s3cret-of-a-build/);
  });

  test("a context's links lead nowhere else", async () => {
    const directory = context({ Dockerfile: "FROM busybox\nCOPY link /x\n" });
    symlinkSync("/etc/hostname", join(directory, "link"));
    const { code, stderr } = await build(directory);
    assert.notEqual(code, 0);
    assert.match(stderr, /COPY failed/);
    const outside = context({ none: "" });
    symlinkSync("/etc/passwd", join(outside, "Dockerfile"));
    const tar = join(top, "outside.tar");
    await suite.host.run("tar", ["-cf", tar, "-C", outside, "."]);
    const answer = await suite.host.run("sh", [
      "-c",
      `curl -s --unix-socket ${suite.host.address.slice("unix://".length)} -X POST --data-binary @${tar} -H 'Content-Type: application/x-tar' http://x/build`,
    ]);
    assert.match(
      answer.stdout,
      /forbidden path outside the build context|Cannot locate specified Dockerfile/,
    );
  });

  test("drawbridge's own build leaves out what .dockerignore says, and prints an id with -q", async () => {
    const directory = context({
      Dockerfile: "FROM busybox\nCOPY . /c\nRUN cd /c && find . -type f | sort\n",
      ".dockerignore": "*.log\n!keep.log\nnode_modules\n",
      "a.log": "",
      "keep.log": "",
      "node_modules/x": "",
      "src/a": "",
    });
    const drawbridge = (...args: string[]) =>
      suite.host.run(CLI, ["build", ...args], {
        env: { ...suite.host.environment, DRAWBRIDGE_HOST: suite.host.address },
      });
    const { stdout } = await drawbridge("-t", "own", "--label", "x=y", directory);
    assert.match(stdout, /^\.\/\.dockerignore\n\.\/Dockerfile\n\.\/keep\.log\n\.\/src\/a\n/m);
    assert.equal(
      (await drawbridge("-q", "--label", "x=y", directory)).stdout.trim(),
      (await inspected("own")).Id,
    );
  });

  test("a client that goes takes its build along; the cache goes when it is told to", async () => {
    const directory = context({ Dockerfile: "FROM busybox\nRUN echo begun; sleep 1234\n" });
    const { stdout } = await suite.host.run(
      "sh",
      [
        "-c",
        `DOCKER_BUILDKIT=0 docker build ${directory} & pid=$!; while ! pgrep -f '[s]leep 1234' >/dev/null; do sleep 0.1; done; kill -9 $pid; wait $pid`,
      ],
      { check: false, env: suite.host.environment },
    );
    assert.match(stdout, /Step 2\/2/);
    for (let tries = 0; work().length > 0; tries += 1) {
      assert.ok(tries < 200, `left: ${work()}`);
      await sleep(25);
    }
    const left = await suite.host.run("sh", ["-c", "pgrep -f '[s]leep 1234'; grep /build/ /proc/mounts"], {
      check: false,
    });
    assert.equal(left.stdout, "");
    assert.deepEqual(await pairs(), []);
    await built("-t", "after", context({ Dockerfile: "FROM busybox\nRUN true\n" }));
    const storage = join(suite.host.dataRoot, "build/storage");
    assert.ok(existsSync(storage));
    const pruned = await suite.host.docker("builder", "prune", "-f");
    assert.match(pruned.stdout, /Total reclaimed space: [\d.]+[kMG]?B/);
    assert.ok(!existsSync(storage));
    assert.equal(await ran("after", "echo", "there"), "there\n");
  });

  test("without buildah, what to install", async () => {
    const program = (await suite.host.run("sh", ["-c", "command -v buildah"])).stdout.trim();
    await suite.host.run("mount", ["--bind", "/dev/null", program]);
    const { status, text } = await suite.engine.request("POST", "/build");
    await suite.host.run("umount", [program]);
    assert.equal(status, 501);
    assert.match(text, /needs buildah, which is not installed: apt-get install buildah/);
  });

  test("an engine that is killed takes its builds along, and the next one cleans up", async () => {
    const directory = context({ Dockerfile: "FROM busybox\nRUN sleep 1235\n" });
    const client = build(directory);
    await suite.host.run("sh", ["-c", "while ! pgrep -f '[s]leep 1235' >/dev/null; do sleep 0.1; done"]);
    await suite.engine.kill9();
    assert.notEqual((await client).code, 0);
    await using _engine = await suite.host.startEngine();
    assert.deepEqual(work(), []);
    const left = await suite.host.run("sh", ["-c", "pgrep -f '[s]leep 1235'"], { check: false });
    assert.equal(left.stdout, "");
    await built("-t", "again", context({ Dockerfile: "FROM busybox\nRUN echo again > /again\n" }));
    assert.equal(await ran("again", "cat", "/again"), "again\n");
    assert.equal(readFileSync(join(suite.host.execRoot, "build/auth.json"), "utf8"), "{}\n");
  });
});
