/** The tour on a real machine: everything that it says is seen there, and nothing of it stays. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CHAPTERS } from "../../src/tour/chapters/all.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../../bin/drawbridge");

describe("the tour", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();

  const tour = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    suite.host.run(DRAWBRIDGE, ["tour", "--no-pause", ...args], {
      check: false,
      env: { ...suite.host.environment, DRAWBRIDGE_HOST: suite.host.address, ...environment },
    });
  /** What a tour could leave behind. */
  const world = async () => {
    const lines = await suite.host.run("sh", [
      "-c",
      "docker ps -aq; docker network ls -q | sort; ls /sys/class/net; ip netns; ls /run/netns 2>/dev/null; nft list ruleset | grep -v -E 'counter|elements'",
    ]);
    return lines.stdout;
  };

  test("from its beginning to its end, and all is as it was", async () => {
    // The first container brings the built-in image, and a reserve namespace with it.
    await suite.host.docker("run", "--rm", "busybox", "true");
    const before = await world();
    const { code, stdout, stderr } = await tour([]);
    assert.equal(code, 0, stdout + stderr);
    for (const { title } of CHAPTERS) assert.ok(stdout.includes(title.en), title.en);
    assert.equal(await world(), before);
  });

  test("a chapter by itself, in Chinese, with what it stands on", async () => {
    const before = await world();
    const { code, stdout, stderr } = await tour(["--chapter", "3", "--lang", "zh"]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /第 3 章：.*\p{Script=Han}/u);
    assert.match(stdout, /docker run -itd --name=container1 busybox/);
    assert.equal(await world(), before);
  });

  test("a machine that shows something else ends it loudly, and nothing stays", async () => {
    const lies = join(suite.host.directory, "lies");
    mkdirSync(lies);
    writeFileSync(join(lies, "ethtool"), "#!/bin/sh\necho '     peer_ifindex: 4711'\n");
    chmodSync(join(lies, "ethtool"), 0o755);
    const before = await world();
    const { PATH = "" } = suite.host.environment;
    const { code, stderr } = await tour(["--chapter", "2"], { PATH: `${lies}:${PATH}` });
    assert.equal(code, 1);
    assert.match(stderr, /the machine does not show what the lesson says: ethtool[\s\S]*4711/);
    assert.equal(await world(), before);
  });

  test("refuses what it has not, and names that are taken", async () => {
    assert.match((await tour(["--chapter", "99"])).stderr, /no chapter 99: there are 1 to/);
    assert.match((await tour(["--lang", "fr"])).stderr, /no tour in "fr": en, zh/);
    await suite.host.docker("create", "--name", "container2", "busybox");
    const { code, stderr } = await tour([]);
    assert.equal(code, 1);
    assert.match(stderr, /container2 is here already/);
    await suite.host.docker("rm", "container2");
  });
});
