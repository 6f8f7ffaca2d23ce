/** Ports of a running container are published and closed, and any call fails. */
import { after, before, describe, test } from "node:test";
import { EngineHere } from "../support/engine-here.ts";
import { comesUpWhole, goesDownAtLast } from "../support/fault-rounds.ts";
import { createContainer, makeNetworks, PORTS } from "../support/faulty-containers.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();
let container = "";

before(async () => {
  await here.start();
  await makeNetworks(here);
  container = await createContainer(here, ["b"]);
  await here.engine.containers.startContainer(container);
});
after(async () => {
  await here.engine.containers.remove(container, { force: true, volumes: false });
  await here[Symbol.asyncDispose]();
});

describe("ports", () => {
  const change = {
    up: () => here.engine.containers.publish(container, PORTS),
    down: () => here.engine.containers.unpublish(container, PORTS),
  };
  test("are published all or none", () =>
    comesUpWhole(here, {
      ...change,
      tolerates: /^kernel.forgetConnections/,
      calls: [/^ports.take/, /^store.commit 1/, /^kernel.apply 0 before step 1/],
    }));
  test("are closed at last", () =>
    goesDownAtLast(here, {
      ...change,
      calls: [/^lease.release/, /^store.commit 1/, /^kernel.dismantle 0 step 0/, /^kernel.forgetConnections/],
    }));
});
