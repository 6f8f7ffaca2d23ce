/** A running container joins a network and leaves it, and any call fails. */
import { after, before, describe, test } from "node:test";
import type { EndpointSettings } from "../../src/container/types.ts";
import { EngineHere, sh } from "../support/engine-here.ts";
import { comesUpWhole, goesDownAtLast } from "../support/fault-rounds.ts";
import { createContainer, makeNetworks, PORTS } from "../support/faulty-containers.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();

before(async () => {
  await here.start();
  await makeNetworks(here);
});
after(() => here[Symbol.asyncDispose]());

interface Situation {
  readonly about: string;
  readonly on: string;
  readonly joins: string;
  readonly settings?: EndpointSettings;
  readonly ports?: boolean;
  /** Its ports stay taken when it leaves: it is started anew each time. */
  readonly anew?: boolean;
  readonly made: readonly RegExp[];
  readonly gone: readonly RegExp[];
}

const situations: readonly Situation[] = [
  {
    about: "with IPv6, and before the other: ports and the default route move",
    on: "a",
    joins: "b",
    settings: { GwPriority: 1, Aliases: ["other"] },
    ports: true,
    made: [/^store.commit 2/, /^kernel.apply 0 before step 8/, /^dns.announce/, /^dns.serve/],
    gone: [/^store.commit 1/, /^kernel.deleteLinks/, /^kernel.dismantle 0/, /^dns.withdraw/, /^dns.serve/],
  },
  {
    about: "that its ports have waited for",
    on: "inside",
    joins: "a",
    ports: true,
    anew: true,
    made: [/^ports.take/, /^kernel.apply 0 before step 4/],
    gone: [/^kernel.deleteLinks/, /^kernel.forgetConnections/],
  },
  {
    about: "of a wire",
    on: "a",
    joins: "wire",
    made: [/^kernel.apply 0 before step 2/],
    gone: [/^kernel.dismantle 0 step 0/],
  },
];

describe("a network", () => {
  for (const { about, on, joins, settings = {}, ports, anew = false, made, gone } of situations) {
    test(`${about}: joined whole or not at all, and left at last`, async () => {
      const { containers, networks } = here.engine;
      const id = await createContainer(here, [on], ports ? PORTS : {});
      const start = () => containers.startContainer(id);
      await start();
      // What a network with IPv6 turned on, its leaving leaves on.
      const reset = async () => {
        const key = networks.sandboxOf(id)?.key;
        await sh(`nsenter --net=${key} sysctl -qw net.ipv6.conf.lo.disable_ipv6=1`);
      };
      const restart = () => containers.stopContainer(id, { timeout: 0 }).then(start);
      const change = {
        up: () => containers.connect(id, joins, settings),
        down: () => containers.disconnect(id, joins, { force: false }),
      };
      await comesUpWhole(here, { ...change, prepare: anew ? restart : reset, anew, calls: made });
      await goesDownAtLast(here, { ...change, prepare: reset, calls: gone });
      await containers.remove(id, { force: true, volumes: false });
    });
  }
});
