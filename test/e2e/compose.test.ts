/** Compose v1 itself, at what people do with it. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { ComposeProject, withoutCompose } from "../support/compose.ts";
import { inspect } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("docker-compose", { skip: withoutRoot || withoutCompose }, () => {
  const suite = hostWithEngine();
  let project: ComposeProject;
  before(async () => {
    await suite.host.docker("pull", "-q", "busybox");
    project = new ComposeProject(suite.host);
  });

  const health = async (id: string) =>
    (await suite.host.docker("inspect", "-f", "{{.State.Health.Status}}", id)).stdout.trim();

  test("up -d starts in the order of health, scaled", async () => {
    const { stderr } = await project.run(["up", "-d", "--scale", "web=3"]);
    assert.match(stderr, /Creating shop_store_1 +\.\.\. done/);
    const [store = ""] = await project.ids("store");
    assert.equal(await health(store), "healthy");
    assert.equal((await project.ids("web")).length, 3);
    const listed = (await project.run(["ps"])).stdout;
    assert.equal(listed.match(/shop_web_\d .* Up /g)?.length, 3);
    assert.match(listed, /shop_store_1 .* Up \(healthy\)/);
    assert.match(listed, /shop_door_1 .* 127\.0\.0\.1:18080->80\/tcp/);
  });

  test("services find each other by name and alias, on the networks that they share", async () => {
    const ask = (from: string, command: string) =>
      project.run(["exec", "-T", from, "sh", "-c", command], { check: false });
    assert.match((await ask("web", "nc cupboard 8080 </dev/null && echo there")).stdout, /there/);
    assert.match((await ask("door", "nc web 80 </dev/null && echo there")).stdout, /there/);
    assert.notEqual((await ask("door", "nslookup -type=a store")).code, 0);
    const page = await suite.host.run("busybox", ["wget", "-qO-", "http://127.0.0.1:18080/hostname"]);
    assert.match(page.stdout, /^[0-9a-f]{12}\n$/);
  });

  test("logs, to the end with -f", async () => {
    assert.match((await project.run(["logs", "store"])).stdout, /store is up/);
    const followed = project.run(["logs", "-f", "web"]);
    await project.run(["stop", "web"]);
    assert.equal((await followed).stdout.match(/web is up/g)?.length, 3);
    await project.run(["start", "web"]);
  });

  test("exec gives the command's exit code, restart starts anew, up again changes nothing", async () => {
    assert.equal(
      (await project.run(["exec", "-T", "store", "sh", "-c", "exit 7"], { check: false })).code,
      7,
    );
    const [store = ""] = await project.ids("store");
    const { StartedAt: before } = (await inspect(suite.host, store)).State;
    await project.run(["restart", "store"]);
    assert.notEqual((await inspect(suite.host, store)).State.StartedAt, before);
    const { stderr } = await project.run(["up", "-d", "--scale", "web=3"]);
    assert.match(stderr, /shop_store_1 is up-to-date/);
    assert.deepEqual(await project.ids("store"), [store]);
  });

  test("up with another label makes that one service anew", async () => {
    const before = await Promise.all(["store", "web", "door"].map((service) => project.ids(service)));
    await project.run(["up", "-d", "--scale", "web=3"], { env: { SEASON: "winter" } });
    const after = await Promise.all(["store", "web", "door"].map((service) => project.ids(service)));
    assert.deepEqual(after.slice(0, 2), before.slice(0, 2));
    assert.equal(after[2]?.length, 1);
    assert.notDeepEqual(after[2], before[2]);
    const { stdout } = await suite.host.docker("ps", "-q", "--no-trunc", "--filter", "label=season=winter");
    assert.equal(stdout.trim(), after[2]?.[0]);
  });

  test("run --rm, top, port, pause, fewer of a service", async () => {
    const ran = await project.run(["run", "--rm", "-T", "store", "sh", "-c", "ls /data; exit 3"], {
      check: false,
    });
    assert.deepEqual([ran.code, ran.stdout], [3, "ready\n"]);
    assert.match((await project.run(["top", "store"])).stdout, /httpd -f -p 8080 -h \/data/);
    assert.equal((await project.run(["port", "door", "80"])).stdout, "127.0.0.1:18080\n");
    await project.run(["pause", "web"]);
    assert.equal((await project.run(["ps"])).stdout.match(/shop_web_\d .* Paused /g)?.length, 3);
    await project.run(["unpause", "web"]);
    await project.run(["up", "-d", "--scale", "web=1"], { env: { SEASON: "winter" } });
    assert.equal((await project.ids("web")).length, 1);
  });

  test("down -v leaves nothing", async () => {
    await project.run(["down", "-v"]);
    assert.equal((await suite.host.docker("ps", "-aq")).stdout, "");
    assert.equal((await suite.host.docker("volume", "ls", "-q")).stdout, "");
    assert.doesNotMatch((await suite.host.docker("network", "ls")).stdout, /shop_/);
  });
});
