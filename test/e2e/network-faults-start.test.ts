/** A container's start on two networks with published ports, and its end, where any call fails. */
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
  container = await createContainer(here, ["a", "b"], PORTS);
  await start();
  await stop();
});
after(() => here[Symbol.asyncDispose]());

const start = () => here.engine.containers.startContainer(container);
const stop = () => here.engine.containers.stopContainer(container, { timeout: 0 });

describe("a container on two networks with ports", () => {
  test("starts whole or not at all", () =>
    comesUpWhole(here, {
      up: start,
      down: stop,
      calls: [
        /^ports.take/,
        /^dns.announce/,
        /^dns.serve/,
        /^kernel.apply 0 before step 8/,
        /^kernel.forgetConnections/,
        /^supervisor.start/,
        /^store.commit 2/,
      ],
    }));

  test("stops, and what its end could not take away goes with its next start and end", () =>
    goesDownAtLast(here, {
      up: start,
      down: stop,
      again: async () => {
        await start();
        await stop();
      },
      tolerates: /./,
      calls: [
        /^dns.forget/,
        /^dns.withdraw/,
        /^kernel.deleteLinks/,
        /^kernel.dismantle 1/,
        /^lease.release/,
        /^kernel.forgetConnections/,
      ],
    }));
});
