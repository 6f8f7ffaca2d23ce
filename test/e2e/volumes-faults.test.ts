/**
 * A container with volumes whose creation or start fails half-way leaves nothing of either: each call in turn is made
 * to fail, on a real kernel.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageOf } from "../../src/lib/errors.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { mountsUnder } from "../../src/linux/mount.ts";
import { EngineHere } from "../support/engine-here.ts";
import { comesUpWhole } from "../support/fault-rounds.ts";
import { INJECTED } from "../support/faults.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();

const create = async (): Promise<ContainerID> => {
  const { id } = await here.engine.containers.create({
    config: { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0, Volumes: { "/anon": {} } },
    hostConfig: {
      Binds: ["memory:/m", "new:/etc", "kept:/kept"],
      Mounts: [{ Type: "volume", Source: "kept", Target: "/part", VolumeOptions: { Subpath: "." } }],
    },
    endpoints: {},
  });
  return id as ContainerID;
};

describe("a container with volumes that fails half-way", () => {
  before(async () => {
    await here.start();
    const { volumes } = here.engine;
    await volumes.create({ name: "memory", options: { type: "tmpfs", device: "tmpfs" } });
    await volumes.create({ name: "kept" });
  });
  after(() => here[Symbol.asyncDispose]());

  test("its creation leaves no volume, mount, record or layer", async () => {
    const { dataRoot } = here.settings;
    const things = () => [
      here.engine.containers.list().length,
      here.engine.volumes.list().map(({ name }) => name),
      readdirSync(join(dataRoot, "volumes")).sort(),
      readdirSync(join(dataRoot, "containers")),
      readdirSync(join(dataRoot, "overlay")),
      mountsUnder(dataRoot).map(({ target }) => target),
      here.engine.containers.usersOf("kept"),
    ];
    const remove = (id: ContainerID) => here.engine.containers.remove(id, { force: true, volumes: true });
    const again = async () => {
      await remove(await create());
      await here.engine.volumes.remove("new", { force: true, usedBy: () => [] });
    };
    await again(); // The image, and what a first creation makes for all, stay.
    const clean = things();
    const made: ContainerID[] = [];
    const { points } = await here.faults.during(undefined, async () => made.push(await create()));
    for (const id of made) await remove(id);
    await here.engine.volumes.remove("new", { force: true, usedBy: () => [] });
    assert.ok(points.includes("volumes.mount 0"), points.join(", "));
    for (const call of points) {
      const { met, error } = await here.faults.during(call, create);
      assert.ok(met, call);
      assert.match(messageOf(error), INJECTED, call);
      assert.deepEqual(things(), clean, call);
    }
    await again();
    assert.deepEqual(things(), clean);
  });

  test("its start leaves nothing mounted, whichever call fails, and it can be started after all", async () => {
    const { containers } = here.engine;
    const id = await create();
    await containers.startContainer(id);
    const stop = () => containers.stopContainer(id, { timeout: 0 });
    await stop();
    await comesUpWhole(here, {
      up: () => containers.startContainer(id),
      down: stop,
      calls: [/^volumes.mount 0/, /^volumes.mount 4/, /^supervisor.create/],
    });
    await containers.remove(id, { force: true, volumes: true });
    assert.deepEqual(mountsUnder(here.settings.dataRoot), []);
    assert.deepEqual(readdirSync(join(here.settings.execRoot, "mounts")), []);
  });

  test("its end goes past a volume that can't be unmounted, which a later start or removal meets", async () => {
    const { containers, volumes } = here.engine;
    const id = await create();
    const memory = volumes.get("memory").mountpoint;
    const failToUnmount = async () => {
      await here.faults.heard(() => containers.startContainer(id));
      // In the order of their destinations: /anon, /etc, /kept, /m.
      const { met, error } = await here.faults.during("volumes.unmount 3", async () => {
        const { status } = containers.wait(id, "not-running");
        await containers.kill(id, "KILL");
        await status;
      });
      assert.deepEqual([met, error], [true, undefined]);
      assert.equal(mountsUnder(memory).length, 1);
    };
    await failToUnmount();
    await containers.startContainer(id);
    await containers.stopContainer(id, { timeout: 0 });
    assert.equal(mountsUnder(memory).length, 0);
    await failToUnmount();
    await containers.remove(id, { force: true, volumes: true });
    assert.deepEqual(mountsUnder(here.settings.dataRoot), []);
  });
});
