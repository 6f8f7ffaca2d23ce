/** Many clients join and leave networks at once, and the engine is killed meanwhile: all that know agree. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { networksAgree } from "../support/agreement.ts";
import type { EngineProcess } from "../support/engine-process.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { ask, makeContainer, makeNetwork, removeAll } from "../support/storm.ts";

const CONTAINERS = ["c0", "c1", "c2", "c3", "c4"];
const NETWORKS = ["n0", "n1", "n2", "n3", "n4", "n5"];
/** The same numbers each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; yield state >>> 8) state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
}

async function everything(engine: EngineProcess): Promise<void> {
  await Promise.all(NETWORKS.map((name) => makeNetwork(engine, name)));
  await Promise.all(CONTAINERS.map((name) => makeContainer(engine, name)));
}

/** Two hundred at once, each of which may find that another was there first. */
function storm(engine: EngineProcess, seed: number): readonly Promise<number>[] {
  const random = numbers(seed);
  const pick = <T>(all: readonly T[]): T => all[random.next().value % all.length] as T;
  return Array.from({ length: 200 }, () => {
    const [Container, network, verb] = [pick(CONTAINERS), pick(NETWORKS), pick(["connect", "disconnect"])];
    const refusals = verb === "connect" ? [200, 403] : [200, 404, 403];
    return ask(engine, "POST", `/networks/${network}/${verb}`, { Container }, ...refusals);
  });
}

describe("a storm", () => {
  test("two hundred connects and disconnects at once, through the API and the docker command", async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    await using engine = await host.startEngine();
    await everything(engine);
    const commands = CONTAINERS.flatMap((container) => [
      host.tryDocker("network", "connect", "--alias", "it", "n0", container),
      host.tryDocker("network", "disconnect", "n1", container),
    ]);
    const statuses = await Promise.all(storm(engine, 1));
    for (const { code, stderr } of await Promise.all(commands)) {
      assert.match(`${code} ${stderr}`, /^0 |already exists in network|is not connected to/);
    }
    assert.ok(statuses.filter((status) => status === 200).length > 50, "most of it was done");
    await networksAgree(host, engine);
    assert.doesNotMatch(engine.log(), /"level":(50|"error")|ERROR/);
    await removeAll(host, engine);
  });

  test("killed in the middle of it, started again, and again", async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    let engine = await host.startEngine();
    await everything(engine);
    for (const [round, answers] of [10, 60, 120].entries()) {
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      let answered = 0;
      const clients = storm(engine, 7 + round).map(async (client) => {
        await client;
        answered += 1;
        if (answered === answers) resolve();
      });
      const outcomes = Promise.allSettled(clients);
      await enough;
      await engine.kill9();
      for (const outcome of await outcomes) {
        if (outcome.status === "rejected")
          assert.ok(!(outcome.reason instanceof assert.AssertionError), outcome.reason);
      }
      engine = await host.startEngine();
      await networksAgree(host, engine);
    }
    await removeAll(host, engine);
    assert.equal(await engine.stop(), 0);
  });
});
