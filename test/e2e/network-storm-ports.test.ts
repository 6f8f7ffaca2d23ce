/** Many clients make and remove networks, take one name, and publish ports at once: all that know agree. */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { networksAgree } from "../support/agreement.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { ask, makeContainer, makeNetwork, removeAll } from "../support/storm.ts";

const CONTAINERS = ["c0", "c1", "c2", "c3", "c4"];

describe("a crowd", () => {
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
