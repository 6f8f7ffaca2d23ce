import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import type { Container, Containers, HostConfig } from "../../src/container/types.ts";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import type { Json } from "../../src/store/kv.ts";
import { HOST, request, World } from "../support/container-fakes.ts";

let world: World;
let first: Containers;

beforeEach(async () => {
  world = new World();
  first = world.containers();
  await first.start();
});
afterEach(() => world.remove());

const running = async (...args: Parameters<typeof request>): Promise<ContainerID> => {
  const { id } = await first.create(request(...args));
  await first.startContainer(id);
  return id;
};

/** The engine after `kill -9`: the same store and the same processes. */
const next = (host = HOST): Containers => {
  world.events.length = 0;
  return world.containers({ host });
};
const stateOf = (containers: Containers, id: string) => containers.inspect(id).container.state;

it("takes over what runs, and settles what ended meanwhile", async () => {
  const [stays, goes] = [await running(), await running()];
  const [alive, gone] = world.processes;
  gone?.exit(4, { finishedAt: "2100-01-02T03:04:05.000000006Z" });
  // The first engine hears of it as well; its store is the second's, so it must be silent.
  await first.stop({ stopAll: false, timeout: 1 });
  const second = next();
  assert.deepEqual([...(await second.alive())], [stays]);
  await second.start();
  assert.equal(stateOf(second, stays).status, "running");
  assert.equal(stateOf(second, goes).exitCode, 4);
  assert.equal(stateOf(second, goes).finishedAt, "2100-01-02T03:04:05.000000006Z");
  const { status } = second.wait(stays, "next-exit");
  alive?.exit(9);
  assert.deepEqual(await status, { code: 9 });
});

it("counts nothing as running after a reboot", async () => {
  const id = await running();
  const once = await running({ AutoRemove: true });
  const always = await running({ RestartPolicy: { Name: "unless-stopped", MaximumRetryCount: 0 } });
  await first.stop({ stopAll: false, timeout: 1 });
  const second = next({ ...HOST, bootId: "boot-2" });
  assert.deepEqual([...(await second.alive())], []);
  await second.start();
  const { status, exitCode } = stateOf(second, id);
  assert.deepEqual([status, exitCode], ["exited", 255]);
  assert.throws(() => second.inspect(once), { kind: "not-found" });
  assert.equal(stateOf(second, always).status, "running");
  assert.equal(second.inspect(always).container.restartCount, 0);
  await second.stop({ stopAll: false, timeout: 1 });
});

it("finishes what was half-done", async () => {
  const { id: removing } = await first.create(request());
  const { id: starting } = await first.create(request());
  await first.startContainer(starting);
  await first.stop({ stopAll: false, timeout: 1 });
  const orphan = newId<ContainerID>();
  mkdirSync(join(world.root, "data/containers", orphan), { recursive: true });
  world.held.add(`layer ${orphan}`);
  mkdirSync(join(world.root, "exec/containers", starting, "exec-1"), { recursive: true });
  await amend(removing, "removing");
  await amend(starting, "created");

  const second = next();
  assert.deepEqual([...(await second.alive())], []);
  await second.start();
  assert.throws(() => second.inspect(removing), { kind: "not-found" });
  assert.equal(stateOf(second, starting).status, "created");
  assert.deepEqual(world.last.signals, [9]);
  assert.deepEqual([...world.held], [`layer ${starting}`]);
  assert.equal(existsSync(join(world.root, "data/containers", orphan)), false);
  assert.equal(existsSync(join(world.root, "exec/containers", starting, "exec-1")), false);
});

/** As if the engine had died with this state on record. */
async function amend(id: ContainerID, status: string): Promise<void> {
  const key = `container/${id}/state`;
  const record = (await world.store.get(key)) as { state: object };
  await world.store.commit([{ key, value: { ...record, state: { ...record.state, status } } }]);
}

it("takes over what an engine of an earlier version has on record", async () => {
  const policy = { Name: "always", MaximumRetryCount: 0 } as const;
  const stays = await running({ Binds: ["/tmp:/host:ro"] });
  const ended = await running({ RestartPolicy: policy, Binds: ["/tmp:/host:ro"] });
  world.processes[1]?.exit(3);
  await first.stop({ stopAll: false, timeout: 1 });
  for (const id of [stays, ended]) {
    const key = `container/${id}/config`;
    const record = (await world.store.get(key)) as { hostConfig: Record<string, Json>; mounts: Json };
    const { mounts: _, hostConfig, ...rest } = record;
    // What it wrote: the fields that it carried out, and others as the client sent them.
    const known = Object.entries(hostConfig).filter(
      ([name]) => !/^(Mounts|Volume|Device|Blkio|Annotations|StorageOpt|Cpu(Count|Realtime))/.test(name),
    );
    const former = {
      ...Object.fromEntries(known),
      MemorySwappiness: -1,
      CgroupnsMode: "",
      OomKillDisable: false,
    };
    await world.store.commit([{ key, value: { ...rest, hostConfig: former } }]);
  }
  const second = next();
  await second.start();
  assert.deepEqual([stateOf(second, stays).status, stateOf(second, ended).status], ["running", "running"]);
  const { hostConfig, mounts } = second.inspect(stays).container;
  assert.equal(hostConfig.MemorySwappiness, null);
  assert.ok(["host", "private"].includes(hostConfig.CgroupnsMode));
  assert.deepEqual(
    mounts.map(({ Source, Destination, RW }) => [Source, Destination, RW]),
    [["/tmp", "/host", false]],
  );
  const spec = JSON.parse(readFileSync(join(world.last.request.bundle, "config.json"), "utf8"));
  assert.equal(JSON.stringify(spec).includes("swappiness"), false);
  await second.stop({ stopAll: false, timeout: 1 });
});

it("starts with the engine what is to be started with it", async () => {
  const policy = (Name: "always" | "unless-stopped" | "on-failure") => ({
    RestartPolicy: { Name, MaximumRetryCount: 0 },
  });
  const always = await running(policy("always"));
  const unless = await running(policy("unless-stopped"));
  const shutDown = await running(policy("unless-stopped"));
  const { id: never } = await first.create(request(policy("always")));
  await first.stopContainer(always, {});
  await first.stopContainer(unless, {});
  await first.stop({ stopAll: true, timeout: 1 });
  assert.equal(stateOf(first, shutDown).status, "exited");
  const second = next();
  await second.start();
  assert.equal(stateOf(second, always).status, "running");
  assert.equal(stateOf(second, unless).status, "exited");
  assert.equal(stateOf(second, shutDown).status, "running");
  assert.equal(stateOf(second, never).status, "created");
});

it("refuses to start anything once it is stopping", async () => {
  const { id } = await first.create(request());
  await first.stop({ stopAll: false, timeout: 1 });
  await assert.rejects(first.startContainer(id), { kind: "unavailable" });
});

/** As if the engine had died after it had written this, and before it did it. */
async function redescribe(id: ContainerID, change: Partial<Pick<Container, "hostConfig" | "endpoints">>) {
  const key = `container/${id}/config`;
  const record = (await world.store.get(key)) as { hostConfig: object; endpoints: object };
  const { hostConfig, endpoints } = change;
  await world.store.commit([
    {
      key,
      value: {
        ...record,
        hostConfig: { ...record.hostConfig, ...hostConfig },
        endpoints: endpoints ?? record.endpoints,
      } as unknown as Json,
    },
  ]);
}

it("brings a sandbox to what its container's record intends", async () => {
  const away = world.networks.add("away");
  const wanted = world.networks.add("wanted");
  const gone = world.networks.add("gone");
  const id = await running({ NetworkMode: "away", PortBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  const PortBindings = { "81/tcp": [{ HostPort: "8081" }] };
  await redescribe(id, {
    endpoints: { wanted: { Aliases: ["web"], NetworkID: wanted.id }, gone: { NetworkID: gone.id } },
    hostConfig: { PortBindings } as unknown as HostConfig,
  });
  world.networks.forget(gone);
  const second = next();
  await second.alive();
  await second.start();
  const { sandbox, container } = second.inspect(id);
  assert.deepEqual(
    sandbox?.endpoints.map(({ network, aliases }) => [network, aliases]),
    [[wanted.id, ["web"]]],
  );
  assert.deepEqual(
    sandbox?.ports.map(({ port, hostPort }) => [port, hostPort]),
    [[81, 8081]],
  );
  assert.deepEqual(container.endpoints, { wanted: { Aliases: ["web"], NetworkID: wanted.id } });
  assert.equal(world.networks.endpointsOf(away.id).length, 0);
  const third = next();
  await third.alive();
  assert.deepEqual(third.inspect(id).container.endpoints, container.endpoints);
});

it("touches no sandbox that agrees with its record", async () => {
  world.networks.add("net");
  const bindings = { "80/tcp": [{ HostPort: "8080" }, {}], "53/udp": [{ HostIp: "127.0.0.1" }] };
  const id = await running({ PortBindings: bindings });
  await running({ NetworkMode: "host" });
  await running({ NetworkMode: `container:${id}` });
  await first.connect(id, "net", {});
  const steps = world.steps.length;
  const second = next();
  await second.alive();
  await second.start();
  assert.deepEqual(world.steps.slice(steps), []);
});

it("reads records from before there were several networks", async () => {
  const id = await running({ NetworkMode: "bridge" });
  const key = `container/${id}/config`;
  const record = (await world.store.get(key)) as { hostConfig: Record<string, Json> };
  const { PortBindings: _, PublishAllPorts: __, Links: ___, ...hostConfig } = record.hostConfig;
  await world.store.commit([{ key, value: { ...record, hostConfig, endpoints: {} } }]);
  const second = next();
  await second.alive();
  await second.start();
  assert.deepEqual(second.inspect(id).container.endpoints, { bridge: {} });
  assert.equal(second.inspect(id).sandbox?.endpoints.length, 1);
});
