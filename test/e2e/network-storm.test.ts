/** Many clients join and leave networks, make and remove them, and publish ports at once: all that know agree. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { networksAgree } from "../support/agreement.ts";
import type { EngineProcess } from "../support/engine-process.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { linksOf } from "../support/inspect.ts";
import { NOTHING_RUNS, runningParts } from "../support/running.ts";

const CONTAINERS = ["c0", "c1", "c2", "c3", "c4"];
const NETWORKS = ["n0", "n1", "n2", "n3", "n4", "n5"];
const BODY = { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0 };

/** The same numbers each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; yield state >>> 8) state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
}

async function ask(
  engine: EngineProcess,
  method: string,
  path: string,
  body: unknown,
  ...statuses: number[]
) {
  const { status, text } = await engine.request(method, path, body);
  assert.ok(statuses.includes(status), `${method} ${path} ${JSON.stringify(body)}: ${status} ${text}`);
  return status;
}

const makeNetwork = (engine: EngineProcess, Name: string) =>
  ask(engine, "POST", "/networks/create", { Name }, 201);

async function makeContainer(engine: EngineProcess, name: string, more: object = {}): Promise<void> {
  await ask(engine, "POST", `/containers/create?name=${name}`, { ...BODY, ...more }, 201);
  await ask(engine, "POST", `/containers/${name}/start`, undefined, 204);
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

/** All of it goes, and the host is as it was before. */
async function removeAll(host: ThrowawayHost, engine: EngineProcess): Promise<void> {
  const all = async (path: string) =>
    JSON.parse((await engine.request("GET", path)).text) as readonly { Id: string; Name?: string }[];
  const containers = await all("/containers/json?all=1");
  await Promise.all(
    containers.map(({ Id }) => ask(engine, "DELETE", `/containers/${Id}?force=1`, undefined, 204)),
  );
  const own = (await all("/networks")).filter(({ Name }) => !["bridge", "host", "none"].includes(Name ?? ""));
  await Promise.all(own.map(({ Id }) => ask(engine, "DELETE", `/networks/${Id}`, undefined, 204)));
  assert.deepEqual(await networksAgree(host, engine), []);
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
  const links = (await linksOf(host)).map(({ ifname }) => ifname);
  assert.deepEqual(links.sort(), ["docker0", "eth0", "lo"]);
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

  test("networks made and removed while they are joined", async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    await using engine = await host.startEngine();
    await Promise.all(CONTAINERS.map((name) => makeContainer(engine, name)));
    const rounds = Array.from({ length: 20 }, async (_, i) => {
      const name = `short${i}`;
      await makeNetwork(engine, name);
      const joins = CONTAINERS.map((Container) =>
        ask(engine, "POST", `/networks/${name}/connect`, { Container }, 200, 404),
      );
      const [removed, ...joined] = await Promise.all([
        ask(engine, "DELETE", `/networks/${name}`, undefined, 204, 403),
        ...joins,
      ]);
      if (removed === 204)
        assert.deepEqual(
          joined,
          CONTAINERS.map(() => 404),
          name,
        );
      else assert.ok(joined.includes(200), name);
    });
    await Promise.all(rounds);
    await networksAgree(host, engine);
    await removeAll(host, engine);
  });

  test("fifty started at once on one network under one name: it has all their addresses", async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    await using engine = await host.startEngine();
    await makeNetwork(engine, "n0");
    const names = Array.from({ length: 50 }, (_, i) => `m${i}`);
    const more = {
      HostConfig: { NetworkMode: "n0" },
      NetworkingConfig: { EndpointsConfig: { n0: { Aliases: ["all"] } } },
    };
    await Promise.all(names.map((name) => makeContainer(engine, name, more)));
    assert.equal((await networksAgree(host, engine)).length, 50);
    const { text } = await engine.request("GET", "/networks/n0");
    const { Containers } = JSON.parse(text) as { Containers: Record<string, { IPv4Address: string }> };
    const given = Object.values(Containers).map(({ IPv4Address }) => IPv4Address.replace(/\/.*/, ""));
    const inspected = await engine.request("GET", "/containers/m0/json");
    const { NetworkSettings } = JSON.parse(inspected.text) as { NetworkSettings: { SandboxKey: string } };
    const lookup = `const r = new (require("dns").promises.Resolver)(); r.setServers(["127.0.0.11"]);
      r.resolve4("all").then((all) => console.log(all.join("\\n")))`;
    const { stdout } = await host.run("nsenter", [
      `--net=${NetworkSettings.SandboxKey}`,
      process.execPath,
      "-e",
      lookup,
    ]);
    assert.deepEqual(stdout.trim().split("\n").sort(), given.sort());
    await removeAll(host, engine);
  });

  test("ports published and closed at once, and one that ten want", async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    await using engine = await host.startEngine();
    const names = Array.from({ length: 10 }, (_, i) => `p${i}`);
    await Promise.all(names.map((name) => makeContainer(engine, name)));
    const publish = (name: string, port: number, ...statuses: number[]) =>
      ask(
        engine,
        "POST",
        `/drawbridge/containers/${name}/ports`,
        { PortBindings: { "80/tcp": [{ HostPort: `${port}` }] } },
        ...statuses,
      );
    const close = (name: string, port: number, ...statuses: number[]) =>
      ask(
        engine,
        "DELETE",
        `/drawbridge/containers/${name}/ports`,
        { PortBindings: { "80/tcp": [{ HostPort: `${port}` }] } },
        ...statuses,
      );
    const won = await Promise.all(names.map((name) => publish(name, 8080, 200, 409, 500)));
    assert.deepEqual(
      won.filter((status) => status === 200),
      [200],
    );
    await networksAgree(host, engine);
    const one = Array.from({ length: 30 }, async (_, i) => {
      await publish("p0", 9000 + i, 200);
      if (i % 3 > 0) await close("p0", 9000 + i, 200);
      if (i % 3 > 1) await publish("p1", 9000 + i, 200);
    });
    await Promise.all(one);
    await networksAgree(host, engine);
    const { text } = await engine.request("GET", "/containers/p0/json");
    const { HostConfig } = JSON.parse(text) as {
      HostConfig: { PortBindings: Record<string, readonly { HostPort: string }[]> };
    };
    const open = (HostConfig.PortBindings["80/tcp"] ?? []).map(({ HostPort }) => HostPort);
    const kept = Array.from({ length: 10 }, (_, i) => `${9000 + 3 * i}`);
    assert.deepEqual(open.filter((port) => port !== "8080").sort(), kept);
    await removeAll(host, engine);
  });
});
