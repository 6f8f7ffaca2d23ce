import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { isRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("what a container wrote", { skip: !isRoot() && "needs root" }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);

  /** Names of events of a container so far, in order. */
  async function eventsOf(name: string, since: string): Promise<readonly string[]> {
    const until = String(Date.now() / 1000 + 0.2);
    return docker.lines(
      `events --since ${since} --until ${until} --filter type=container --filter container=${name} --format {{.Action}}`,
    );
  }

  test("diff, and an image of it: its changes, without what is mounted", async () => {
    await docker.idle("box", "-v data:/data --tmpfs /scratch");
    await docker.shell(
      "box",
      "mkdir /made; echo x >/made/f; rm /etc/group; echo y >/data/f; echo z >/scratch/f",
    );
    const changed = await docker.lines("diff box");
    for (const line of ["A /made", "A /made/f", "C /etc", "D /etc/group"])
      assert.ok(changed.includes(line), line);
    const since = String(Date.now() / 1000);
    await docker("commit -m why -a me -c", "ENV A=b", "box", "made:1");
    assert.deepEqual(await eventsOf("box", since), ["pause", "unpause", "commit"]);
    assert.equal(await docker("inspect --format {{.State.Status}} box"), "running");
    const seen = await docker(
      "run --rm made:1 sh -c",
      "cat /made/f; echo $A; ls /data /scratch; ls /etc/group || true",
    );
    assert.equal(seen.split("\n").slice(0, 2).join(), "x,b");
    assert.doesNotMatch(seen, /^(f|\/etc\/group)$/m);
    assert.equal(await docker("image inspect --format {{.Author}}/{{.Comment}} made:1"), "me/why");
  });

  test("what is refused freezes nothing", async () => {
    const since = String(Date.now() / 1000);
    assert.match(await docker.refused("commit box UPPER:1"), /must be lowercase/);
    assert.match(
      await docker.refused("commit -c", "FROM x", "box", "made:2"),
      /FROM is not a valid change command/,
    );
    assert.equal(await docker("inspect --format {{.State.Status}} box"), "running");
    assert.equal((await eventsOf("box", since)).includes("commit"), false);
  });

  test("an export is the whole root, its mounts empty", async () => {
    const names = await suite.host.run("sh", ["-c", "docker export box | tar t"]);
    const all = new Set(names.stdout.split("\n"));
    for (const name of ["made/f", "data/", "scratch/", "bin/busybox"]) assert.ok(all.has(name), name);
    for (const name of ["data/f", "scratch/f", "etc/group"]) assert.ok(!all.has(name), name);
  });

  test("sizes: as du counts, a file with two names once", async () => {
    await docker.idle("sized");
    await docker.shell("sized", "head -c 100000 /dev/zero >/a; ln /a /b; echo 12345 >/c");
    assert.equal(await docker("inspect -s --format {{.SizeRw}} sized"), "100006");
    const whole = Number(await docker("inspect -s --format {{.SizeRootFs}} sized"));
    assert.equal(whole - 100006, Number(await docker("image inspect --format {{.Size}} busybox")));
  });

  test("prune: the stopped ones, by label, with what they had written", async () => {
    for (const name of ["kept", "gone"]) {
      await docker(`run --name ${name} --label who=${name} busybox sh -c`, "head -c 1000 /dev/zero >/x");
    }
    const done = await docker("container prune -f --filter label=who=gone");
    assert.match(done, /^Total reclaimed space: 1kB$/m);
    assert.deepEqual(await docker.lines("ps -aq --filter name=gone"), []);
    assert.equal((await docker.lines("ps -aq --filter name=kept")).length, 1);
    await docker("container prune -f --filter label!=who=kept");
    assert.equal((await docker.lines("ps -aq --filter name=kept")).length, 1);
    await docker("container prune -f");
    assert.deepEqual(await docker.lines("ps -aq --filter name=kept"), []);
    assert.equal(await docker("inspect --format {{.State.Status}} box"), "running");
  });

  test("a link alone is removed, its containers stay", async () => {
    await docker.idle("database");
    await docker.idle("web", "--link database:db");
    assert.match(
      await docker.refused("rm --link web"),
      /Conflict, cannot remove the default link name of the container/,
    );
    assert.match(await docker.refused("rm --link web/other"), /No such container: web\/other/);
    await docker("rm --link /web/db");
    assert.equal(await docker("inspect --format {{.HostConfig.Links}} web"), "[]");
    assert.equal((await docker.lines("ps -q --filter name=web --filter name=database")).length, 2);
  });
});
