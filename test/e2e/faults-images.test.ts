/** Images and volumes that come and go, where any commit to the store and any call fails: whole, or not at all. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { messageOf } from "../../src/lib/errors.ts";
import type { ContainerID, ImageID } from "../../src/lib/ids.ts";
import { EngineHere } from "../support/engine-here.ts";
import { comesUpWhole, goesDownAtLast } from "../support/fault-rounds.ts";
import { INJECTED } from "../support/faults.ts";
import { archive, entry } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();
const usedBy = () => [];
let saved: Buffer = Buffer.alloc(0);

/** An image of one layer of its own. */
const importImage = (reference: string | undefined, content: string) =>
  here.engine.images.import({
    tar: Readable.from([archive(entry({ name: "file" }, content))]),
    ...(reference !== undefined && { reference }),
    message: "",
    changes: [],
  });
const remove = (reference: string) => here.engine.images.remove(reference, { force: false, usedBy });

before(async () => {
  const { images } = await here.start();
  await importImage("one", "1");
  await importImage("two", "2");
  saved = await buffer(await images.save(["one", "two"]));
  await remove("one");
  await remove("two");
});
after(() => here[Symbol.asyncDispose]());

describe("images", () => {
  const load = () => here.engine.images.load(Readable.from([saved]));
  const unload = async () => {
    // One of the two may have come before the other could not.
    for (const name of ["one", "two"]) if (here.engine.images.find(name)) await remove(name);
  };

  test("are loaded whole, and leave no layers where they are not", async () => {
    const { points } = await here.faults.during(undefined, load);
    await unload();
    assert.equal(points.length, 4, points.join(", "));
    const clean = await here.world();
    for (const point of points) {
      const { met, error } = await here.faults.during(point, load);
      assert.ok(met, point);
      assert.match(messageOf(error), INJECTED, point);
      for (const image of here.engine.images.list()) {
        // Whole: all its layers can be read.
        await buffer(await here.engine.images.save([image.id]));
      }
      await unload();
      assert.deepEqual(await here.world(), clean, point);
    }
  });

  test("are imported whole or not at all", () =>
    comesUpWhole(here, {
      up: () => importImage("imported", "3"),
      down: () => remove("imported"),
      calls: [/^store.commit 1/],
    }));

  test("are removed whole or not at all", () =>
    goesDownAtLast(here, {
      up: () => importImage("going", "4"),
      down: () => remove("going"),
      calls: [/^store.commit 0/],
    }));

  test("are pruned past one that can't be", async () => {
    const { images } = here.engine;
    const up = async () => [await importImage(undefined, "5"), await importImage(undefined, "6")];
    const ids = (): ImageID[] => images.list().map(({ id }) => id);
    const clean = await here.world();
    const kept = ids();
    await up();
    const prune = () =>
      images.prune(
        ids().filter((id) => !kept.includes(id)),
        usedBy,
      );
    const { met, error } = await here.faults.during("store.commit 1", prune);
    assert.ok(met);
    if (error) assert.match(messageOf(error), INJECTED);
    await prune();
    assert.deepEqual(await here.world(), clean);
  });
});

describe("volumes", () => {
  const create = () => here.engine.volumes.create({ name: "data" });

  test("are made whole or not at all", () =>
    comesUpWhole(here, {
      up: create,
      down: () => here.engine.volumes.remove("data", { force: false, usedBy }),
      calls: [/^store.commit 0/],
    }));

  test("are removed whole or not at all, and with them what is in them", () =>
    goesDownAtLast(here, {
      up: create,
      down: async () => here.engine.volumes.remove("data", { force: false, usedBy }),
      calls: [/^store.commit 0/],
    }));

  test("are pruned past one that can't be", async () => {
    const { volumes } = here.engine;
    const names = ["first", "second"];
    const clean = await here.world();
    for (const name of names) await volumes.create({ name });
    const left = () => volumes.list().filter(({ name }) => names.includes(name));
    const { met, error } = await here.faults.during("store.commit 0", () => volumes.prune(left(), usedBy));
    assert.deepEqual([met, error], [true, undefined]);
    assert.deepEqual(
      left().map(({ name }) => name),
      ["first"],
    );
    await volumes.prune(left(), usedBy);
    assert.deepEqual(await here.world(), clean);
  });
});

describe("containers", () => {
  test("are pruned past one that can't be", async () => {
    const { containers } = here.engine;
    const create = async () => {
      const { id } = await containers.create({
        config: { Image: "busybox", Cmd: ["true"] },
        hostConfig: { Binds: ["kept:/kept"] },
        endpoints: {},
      });
      return id as ContainerID;
    };
    await here.engine.volumes.create({ name: "kept" });
    await containers.prune([await create()]); // The image, and what a first creation makes for all, stay.
    const clean = await here.world();
    const ids = [await create(), await create()];
    const { met } = await here.faults.during("store.commit 0", () => containers.prune(ids));
    assert.ok(met);
    await containers.prune(containers.list().map(({ container }) => container.id));
    assert.equal(containers.list().length, 0);
    assert.deepEqual(await here.world(), clean);
  });
});
