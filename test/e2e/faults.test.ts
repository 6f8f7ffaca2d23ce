/**
 * A container's start that fails half-way leaves nothing, nor does its creation: each call that the engine makes of its
 * parts, each step of a sandbox's plan, and each commit to the store is made to fail in turn, on a real kernel.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageOf } from "../../src/lib/errors.ts";
import { EngineHere } from "../support/engine-here.ts";
import { comesUpWhole } from "../support/fault-rounds.ts";
import { INJECTED } from "../support/faults.ts";
import { createContainer } from "../support/faulty-containers.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();

describe("a container that fails half-way", () => {
  before(() => here.start());
  after(() => here[Symbol.asyncDispose]());

  test("a start leaves nothing, whichever call fails, and it can be started after all", async () => {
    const { containers } = here.engine;
    const id = await createContainer(here, ["bridge"]);
    await containers.startContainer(id); // What a first start makes for all (cgroup parent, directories) stays.
    const stop = () => containers.stopContainer(id, { timeout: 0 });
    await stop();
    const failed: string[] = [];
    await comesUpWhole(here, {
      up: async () => {
        try {
          await containers.startContainer(id);
        } catch (thrown) {
          const { state } = containers.inspect(id).container;
          failed.push(`${state.status} ${state.pid}`);
          throw thrown;
        }
      },
      down: stop,
      calls: [/^kernel.apply 0 before step 0$/, /^images.mount/, /^supervisor.create/, /^supervisor.start/],
    });
    assert.deepEqual([...new Set(failed)], ["exited 0"]);
    await containers.remove(id, { force: true, volumes: false });
  });

  test("a creation leaves no record, name or layer", async () => {
    const { dataRoot } = here.settings;
    const records = () => [
      here.engine.containers.list().length,
      readdirSync(join(dataRoot, "containers")),
      readdirSync(join(dataRoot, "overlay")),
    ];
    const create = () => createContainer(here, ["bridge"]);
    const clean = records();
    for (const call of ["images.createLayer 0", "store.commit 0"]) {
      const { met, error } = await here.faults.during(call, create);
      assert.ok(met, call);
      assert.match(messageOf(error), INJECTED);
      assert.deepEqual(records(), clean, call);
    }
  });
});
