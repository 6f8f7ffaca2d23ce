/** Many clients at the same time: all that is acknowledged is so, addresses are given once, and nothing stays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineProcess } from "../support/engine-process.ts";
import { footprintOf } from "../support/footprint.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { NOTHING_RUNS, runningParts } from "../support/running.ts";
import { ask, becomes } from "../support/storm.ts";

const BODY = { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0 };

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly NetworkSettings: { readonly Networks: { readonly bridge?: { readonly IPAddress: string } } };
}

async function list(engine: EngineProcess): Promise<readonly Listed[]> {
  return JSON.parse((await engine.request("GET", "/containers/json?all=1")).text);
}

/** What the kernel has is what the engine says to be running: no more, no less, no address twice. */
async function agrees(host: ThrowawayHost, containers: readonly Listed[]): Promise<void> {
  const running = containers.filter(({ State }) => State === "running");
  const ids = running.map(({ Id }) => Id).sort();
  const parts = await runningParts(host);
  const { monitored, known, cgroups, bundles } = parts;
  assert.deepEqual(
    { monitored, known, cgroups, bundles },
    { monitored: ids, known: ids, cgroups: ids, bundles: ids },
  );
  assert.deepEqual(parts.guarded, parts.ports);
  const counts = [parts.ports.length, parts.pins.length, parts.mounts.length];
  assert.deepEqual(counts, [ids.length, ids.length, 2 * ids.length]);
  const addresses = running.map(({ NetworkSettings }) => NetworkSettings.Networks.bridge?.IPAddress);
  assert.equal(new Set(addresses).size, ids.length);
}

/** Of every kind there are some: a shared volume, volumes of their own, health checks, published ports. */
const manifold = (i: number) => ({
  ...BODY,
  ...(i % 3 === 0 && { Volumes: { "/own": {} } }),
  ...(i % 4 === 0 && { Healthcheck: { Test: ["CMD", "true"], Interval: 1e9, Timeout: 30e9 } }),
  HostConfig: {
    ...(i % 2 === 0 && { PortBindings: { "80/tcp": [{ HostPort: String(20_000 + i) }] } }),
    ...(i % 5 === 0 && { Binds: ["shared:/shared"] }),
    ...(i % 7 === 0 && { RestartPolicy: { Name: "always" } }),
  },
});

test("sixty containers of all kinds, started by twenty clients and removed by them: nothing of them stays", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await using engine = await host.startEngine();
  assert.equal((await engine.request("POST", "/volumes/create", { Name: "shared" })).status, 201);
  const twenty = async (count: number, work: (i: number) => Promise<void>) => {
    const left = Array.from({ length: count }, (_, i) => i).values();
    const clients = Array.from({ length: 20 }, async () => {
      for (const i of left) await work(i);
    });
    await Promise.all(clients);
  };
  const up = async (i: number) => {
    await ask(engine, "POST", `/containers/create?name=c${i}`, manifold(i), 201);
    await ask(engine, "POST", `/containers/c${i}/start`, undefined, 204);
  };
  const down = async (i: number) => {
    await ask(engine, "DELETE", `/containers/c${i}?force=1&v=1`, undefined, 204);
  };
  // What the first of all makes stays: image, directories, the threads' descriptors.
  await twenty(20, up);
  await twenty(20, down);
  const before = await footprintOf(host, engine);
  await twenty(60, up);
  const started = await list(engine);
  assert.equal(started.filter(({ State }) => State === "running").length, 60);
  await agrees(host, started);
  await twenty(60, down);
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
  await becomes(() => footprintOf(host, engine), before);
});

test("killed again and again while clients create, start, stop and remove: what was acknowledged is there", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  let engine = await host.startEngine();
  /** As acknowledged; nothing is known of one that was being changed. */
  const states = new Map<string, string | undefined>();
  for (let round = 0; round < 3; round += 1) {
    const clients = Array.from({ length: 8 }, (_, i) => client(engine, states, `r${round}-${i}`));
    await sleep(150 + 150 * round);
    await engine.kill9();
    await Promise.all(clients);
    engine = await host.startEngine();
    const containers = await list(engine);
    const found = new Map(containers.map(({ Names, State }) => [Names[0]?.slice(1), State]));
    for (const [name, state] of states) {
      if (state !== undefined) assert.equal(found.get(name) ?? "gone", state, name);
    }
    await agrees(host, containers);
  }
  for (const { Id } of await list(engine)) {
    assert.equal((await engine.request("DELETE", `/containers/${Id}?force=1`)).status, 204);
  }
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
  assert.equal(await engine.stop(), 0);
});

/** Until the engine is gone. Every third container stays as it was created, started, or stopped. */
async function client(
  engine: EngineProcess,
  states: Map<string, string | undefined>,
  prefix: string,
): Promise<void> {
  for (let i = 0; ; i += 1) {
    const name = `${prefix}-${i}`;
    const steps = [
      ["POST", `/containers/create?name=${name}`, "created"],
      ["POST", `/containers/${name}/start`, "running"],
      ["POST", `/containers/${name}/stop?t=0`, "exited"],
      ["DELETE", `/containers/${name}`, "gone"],
    ] as const;
    for (const [method, path, state] of steps.slice(0, i % 3 === 2 ? 1 + (i % 4) : 4)) {
      states.set(name, undefined);
      try {
        const { status, text } = await engine.request(method, path, state === "created" ? BODY : undefined);
        assert.ok(status < 300, `${path}: ${status} ${text}`);
      } catch (thrown) {
        if (thrown instanceof assert.AssertionError) throw thrown;
        return;
      }
      states.set(name, state);
    }
  }
}
