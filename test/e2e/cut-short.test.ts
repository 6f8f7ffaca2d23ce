/** Killed in the midst of it: what was being made is whole or not there, and what runs is as it was. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { storedKeys } from "../support/agreement.ts";
import type { EngineProcess } from "../support/engine-process.ts";
import { ThrowawayHost } from "../support/host.ts";
import { withoutRoot } from "../support/root.ts";

describe("an engine killed in the midst of it", { skip: withoutRoot }, () => {
  let host: ThrowawayHost;
  let engine: EngineProcess;

  before(async () => {
    host = await ThrowawayHost.create();
    engine = await host.startEngine();
    await host.docker("run", "-d", "--name", "web", "--memory", "64m", "busybox", "sleep", "1000");
    // A tree of many files takes a while to be read, and to be copied.
    const fill =
      "mkdir /tree; for i in $(seq 3000); do echo $i > /tree/$i; done; dd if=/dev/zero of=/tree/zero bs=1M count=20";
    await host.docker("exec", "web", "sh", "-c", fill);
    await host.docker("commit", "web", "large");
    await host.docker("save", "-o", join(host.directory, "large.tar"), "large");
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
  });

  /** Begin `work`, kill the engine as soon as `begun`, and start the next one. */
  const killDuring = async (work: () => Promise<unknown>, begun: () => Promise<boolean> | boolean) => {
    const outcome = Promise.allSettled([work()]);
    for (let tries = 0; tries < 5000 && !(await begun()); tries += 1) await sleep(1);
    await engine.kill9();
    await outcome;
    engine = await host.startEngine();
  };
  const inspect = async (path: string) => JSON.parse((await engine.request("GET", path)).text);
  const namesIn = (name: string) => {
    const path = join(host.dataRoot, name);
    return existsSync(path) ? readdirSync(path) : [];
  };
  const keys = async (prefix: string) =>
    (await storedKeys(host)).flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  /** On disk is what is on record, and every image can be saved, which checks all its layers' digests. */
  const imagesAreWhole = async () => {
    const layers = (await keys("layer/sha256:")).sort();
    assert.deepEqual(namesIn("images/layers").sort(), layers);
    assert.deepEqual(namesIn("images/recipes").sort(), layers);
    for (const { Id } of await inspect("/images/json?all=1"))
      await host.run("sh", ["-c", `docker save ${Id} | tar -t > /dev/null`]);
    for (let tries = 0; tries < 100 && namesIn("images/tmp").length > 0; tries += 1) await sleep(50);
    assert.deepEqual(namesIn("images/tmp"), []);
  };
  const cgroupFile = async (controller: string, file: string) => {
    const { Id } = await inspect("/containers/web/json");
    return readFileSync(join("/sys/fs/cgroup", controller, host.cgroupParent, Id, file), "utf8").trim();
  };

  test("a commit: the container that was frozen for it goes on", async () => {
    await killDuring(
      () => host.tryDocker("commit", "web", "half"),
      async () => (await inspect("/containers/web/json")).State.Paused,
    );
    assert.equal((await inspect("/containers/web/json")).State.Status, "running");
    assert.equal(await cgroupFile("freezer", "freezer.state"), "THAWED");
    assert.equal((await host.docker("exec", "web", "echo", "alive")).stdout, "alive\n");
    await imagesAreWhole();
  });

  test("a pause that was answered stays", async () => {
    await host.docker("pause", "web");
    await engine.kill9();
    engine = await host.startEngine();
    assert.equal((await inspect("/containers/web/json")).State.Status, "paused");
    assert.equal(await cgroupFile("freezer", "freezer.state"), "FROZEN");
    await host.docker("unpause", "web");
  });

  test("updates: the kernel has the limit that is on record", async () => {
    let answered = 0;
    for (const count of [1, 4, 9]) {
      answered = 0;
      await killDuring(
        async () => {
          for (let i = 0; ; i += 1) {
            await engine.request("POST", "/containers/web/update", {
              Memory: (64 + (i % 9)) << 20,
              MemorySwap: -1,
            });
            answered += 1;
          }
        },
        () => answered >= count,
      );
      const { HostConfig } = await inspect("/containers/web/json");
      assert.equal(await cgroupFile("memory", "memory.limit_in_bytes"), String(HostConfig.Memory));
    }
  });

  test("a creation: its volumes go with it, half filled as they are", async () => {
    const body = {
      Image: "large",
      Cmd: ["true"],
      Volumes: { "/tree": {} },
      HostConfig: { Binds: ["named:/other"] },
    };
    const filled = () =>
      namesIn("volumes").some((name) => name !== "named" && namesIn(`volumes/${name}/_data`).length > 0);
    await killDuring(() => engine.request("POST", "/containers/create?name=half", body), filled);
    assert.deepEqual(namesIn("volumes"), []);
    assert.deepEqual(await keys("volume/"), []);
    assert.equal((await engine.request("GET", "/containers/half/json")).status, 404);
    assert.deepEqual(namesIn("containers").length, 1);
    assert.deepEqual(namesIn("overlay").length, 1);
  });

  test("a load", async () => {
    await host.docker("rmi", "-f", "large");
    await killDuring(
      () => host.tryDocker("load", "-i", join(host.directory, "large.tar")),
      () => namesIn("images/tmp").some((name) => namesIn(`images/tmp/${name}/tree/tree`).length > 100),
    );
    await imagesAreWhole();
    await host.docker("load", "-i", join(host.directory, "large.tar"));
    await imagesAreWhole();
  });

  test("files written into a container: none of what was opened for them stays", async () => {
    await killDuring(
      () => host.tryDocker("cp", join(host.directory, "large.tar"), "web:/copied"),
      () => namesIn("overlay").length > 0,
    );
    assert.equal((await inspect("/containers/web/json")).State.Status, "running");
    await host.docker("rm", "-f", "web");
    const mounts = readFileSync(`/proc/${host.pid}/mountinfo`, "utf8").split("\n");
    assert.deepEqual(
      mounts.filter((line) => line.includes(host.dataRoot)),
      [],
    );
    assert.deepEqual(await keys("container/"), []);
  });
});
