/** Ports opened and closed while a container runs. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Containers, CreateRequest } from "../../src/container/types.ts";
import { request, World } from "../support/container-fakes.ts";
import { failing } from "../support/failing.ts";

let world: World;
let containers: Containers;

beforeEach(async () => {
  world = new World();
  containers = world.containers();
  await containers.start();
});
afterEach(() => world.remove());

type Asked = Partial<CreateRequest>;
const made = async (hostConfig: CreateRequest["hostConfig"] = {}, more: Asked = {}): Promise<string> =>
  (await containers.create({ ...request(hostConfig), ...more })).id;
const running = async (...args: Parameters<typeof made>): Promise<string> => {
  const id = await made(...args);
  await containers.startContainer(id);
  return id;
};
/** As the next engine finds it. */
const recorded = async (id: string) => {
  const second = world.containers();
  await second.alive();
  return second.inspect(id).container;
};

describe("publishing", () => {
  const bindings = (id: string) => containers.inspect(id).container.hostConfig.PortBindings;
  const open = (id: string) =>
    containers.inspect(id).sandbox?.ports.map(({ port, hostPort }) => `${hostPort}:${port}`);

  it("opens ports of a running container, now and over its next starts", async () => {
    const id = await running({ PortBindings: { "80/tcp": [{ HostPort: "8080" }] } });
    await containers.publish(id, { "80": [{ HostPort: "8081" }], "443/tcp": [{ HostPort: "8443" }] });
    const all = {
      "80/tcp": [{ HostPort: "8080" }, { HostPort: "8081" }],
      "443/tcp": [{ HostPort: "8443" }],
    };
    assert.deepEqual(bindings(id), all);
    assert.deepEqual((await recorded(id)).hostConfig.PortBindings, all);
    assert.deepEqual(open(id), ["8080:80", "8081:80", "8443:443"]);
    await containers.restart(id, {});
    assert.deepEqual(open(id), ["8080:80", "8081:80", "8443:443"]);
    await containers.unpublish(id, { "80/tcp": [{ HostPort: "8080" }], "443/tcp": null });
    assert.deepEqual(bindings(id), { "80/tcp": [{ HostPort: "8081" }] });
    assert.deepEqual(open(id), ["8081:80"]);
    assert.deepEqual((await recorded(id)).hostConfig.PortBindings, { "80/tcp": [{ HostPort: "8081" }] });
  });

  it("keeps what -P opened beside the new one, and closed what was closed", async () => {
    const exposed = { config: { Image: "busybox", ExposedPorts: { "80/tcp": {}, "81/tcp": {} } } };
    const id = await running({ PublishAllPorts: true }, exposed);
    await containers.publish(id, { "80/tcp": [{ HostPort: "8080" }] });
    assert.deepEqual(bindings(id), { "80/tcp": [{}, { HostPort: "8080" }] });
    await containers.unpublish(id, { "81/tcp": [] });
    await containers.restart(id, {});
    assert.deepEqual(
      containers.inspect(id).sandbox?.ports.map(({ port }) => port),
      [80, 80],
    );
  });

  it("is all or nothing", async () => {
    const PortBindings = { "80/tcp": [{ HostPort: "8080" }] };
    const id = await running({ PortBindings });
    world.failures.set("publish", new Error("taken"));
    await assert.rejects(containers.publish(id, { "81/tcp": [{ HostPort: "8081" }] }), /taken/);
    world.failures.clear();
    await assert.rejects(containers.unpublish(id, { "80/tcp": [{ HostPort: "9" }] }), { kind: "not-found" });
    world.store.commit = failing(world.store.commit.bind(world.store));
    await assert.rejects(containers.unpublish(id, PortBindings), /disk full/);
    assert.deepEqual([bindings(id), open(id)], [PortBindings, ["8080:80"]]);
    assert.deepEqual((await recorded(id)).hostConfig.PortBindings, PortBindings);
  });

  it("refuses bad ports, and containers that have none of their own or don't run", async () => {
    const port = { "80/tcp": [{}] };
    const words = { kind: "conflict" };
    await assert.rejects(containers.publish(await made(), port), words);
    await assert.rejects(containers.unpublish(await made(), port), words);
    await assert.rejects(containers.publish(await running({ NetworkMode: "host" }), port), words);
    const id = await running();
    await assert.rejects(containers.publish(id, { "80/x": [{}] }), { kind: "invalid" });
    await assert.rejects(containers.publish(id, { "80/tcp": [{ HostIp: "x" }] }), { kind: "invalid" });
  });
});
