/** Volumes made, listed, removed and pruned, as clients ask for it; and mounts of containers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { json, messageIn, serve } from "./server.ts";

const api = await serve();
const { client, engine } = api;

const filters = (value: object) => `filters=${encodeURIComponent(JSON.stringify(value))}`;
const create = (body: unknown, version = "v1.50") =>
  api.ask("POST", `/${version}/volumes/create`, json(body));
const container = (body: object, version = "v1.50") =>
  api.ask("POST", `/${version}/containers/create`, json({ Image: "busybox", ...body }));

async function clear(): Promise<void> {
  for (const { container } of engine.containers.list()) {
    await engine.containers.remove(container.id, { force: true, volumes: true });
  }
  for (const { name } of engine.volumes.list()) {
    await engine.volumes.remove(name, { force: true, usedBy: () => [] });
  }
}

test("a volume is made of all that the API knows, and is itself ever after", async () => {
  await clear();
  const made = await create({
    Name: "data",
    Driver: "local",
    DriverOpts: { type: "tmpfs", device: "tmpfs" },
    Labels: { b: "2", a: "1" },
  });
  const shown = {
    CreatedAt: "2026-01-02T03:04:05Z",
    Driver: "local",
    Labels: { a: "1", b: "2" },
    Mountpoint: "/var/lib/drawbridge/volumes/data/_data",
    Name: "data",
    Options: { device: "tmpfs", type: "tmpfs" },
    Scope: "local",
  };
  assert.equal(made.status, 201);
  assert.deepEqual(JSON.parse(made.text), shown);
  assert.deepEqual(await client.get("/volumes/data"), shown);
  assert.deepEqual(await client.get("/volumes"), { Volumes: [shown], Warnings: null });
  assert.equal((await create({ Name: "data", Labels: null })).status, 201);
  const anonymous = JSON.parse((await create({ Labels: null, DriverOpts: null })).text);
  assert.deepEqual(anonymous.Labels, { "com.docker.volume.anonymous": "" });
});

test("refusals of volumes", async () => {
  await clear();
  const table = [
    [() => create({ Name: "a/b" }), 400, /^create a\/b: "a\/b" includes invalid characters/],
    [() => create({ Name: "ab", Driver: "nfs" }), 404, /plugin "nfs" not found$/],
    [() => create({ Name: 5 }), 400, /Name/],
    [() => create({ Name: "ab", Labels: { a: 1 } }), 400, /Labels/],
    [() => create({ Name: "ab", ClusterVolumeSpec: {} }), 503, /swarm/],
    [() => api.ask("GET", "/volumes/none"), 404, /^get none: no such volume$/],
    [() => api.ask("DELETE", "/volumes/none"), 404, /^get none: no such volume$/],
    [() => api.ask("GET", "/volumes/..%2f..%2fetc"), 404, /^get \.\.\/\.\.\/etc: no such volume$/],
    [() => api.ask("GET", `/volumes?${filters({ what: ["x"] })}`), 400, /^invalid filter 'what'$/],
    [() => api.ask("GET", `/volumes?${filters({ dangling: ["x"] })}`), 400, /^invalid filter 'dangling=/],
    [() => api.ask("POST", `/volumes/prune?${filters({ driver: ["x"] })}`), 400, /^invalid filter 'driver'$/],
    [() => api.ask("PUT", "/volumes/none?version=1"), 503, /swarm is unavailable$/],
  ] as const;
  for (const [ask, status, message] of table) {
    const answer = await ask();
    assert.equal(answer.status, status, answer.text);
    assert.match(messageIn(answer), message);
  }
  assert.equal((await create({ Name: "ab", ClusterVolumeSpec: {} }, "v1.41")).status, 201);
  assert.equal((await api.ask("DELETE", "/volumes/none?force=1")).status, 204);
});

test("a volume in use stays, and is told of with its containers", async () => {
  await clear();
  const made = await container({
    Volumes: { "/anon": {} },
    HostConfig: {
      Binds: ["data:/d:ro", "/host:/h"],
      Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 5 } }],
    },
  });
  const { Id } = JSON.parse(made.text) as { Id: string };
  const removal = await api.ask("DELETE", "/volumes/data?force=1");
  assert.equal(removal.status, 409);
  assert.equal(messageIn(removal), `remove data: volume is in use - [${Id}]`);
  const inspected = await client.get<Record<string, { Type: string; Name?: string }[]>>(
    `/containers/${Id}/json`,
  );
  const listed = await client.get<{ Id: string; Mounts: unknown }[]>("/containers/json", { all: true });
  assert.deepEqual(listed[0]?.Mounts, inspected.Mounts);
  assert.deepEqual(inspected.Mounts?.slice(1), [
    {
      Type: "volume",
      Name: "data",
      Source: "/var/lib/drawbridge/volumes/data/_data",
      Destination: "/d",
      Driver: "local",
      Mode: "ro",
      RW: false,
      Propagation: "",
    },
    { Type: "bind", Source: "/host", Destination: "/h", Mode: "", RW: true, Propagation: "rprivate" },
    { Type: "tmpfs", Source: "", Destination: "/t", Mode: "", RW: true, Propagation: "" },
  ]);
  const found = async (volume: string) =>
    (
      await client.get<unknown[]>("/containers/json", {
        all: true,
        filters: JSON.stringify({ volume: [volume] }),
      })
    ).length;
  assert.deepEqual(
    [await found("data"), await found("/d"), await found("/host"), await found("/h"), await found("dat")],
    [1, 1, 1, 1, 0],
  );
  const { Volumes } = await client.get<{ Volumes: { Name: string; UsageData: object }[] }>("/system/df");
  assert.deepEqual(Volumes.find(({ Name }) => Name === "data")?.UsageData, { RefCount: 1, Size: 4 });
  const [dangling, used] = await Promise.all(
    ["1", "0"].map(async (value) => {
      const answer = await api.ask("GET", `/volumes?${filters({ dangling: [value] })}`);
      return (JSON.parse(answer.text) as { Volumes: unknown[] }).Volumes.length;
    }),
  );
  assert.deepEqual([dangling, used], [0, 2]);
});

test("prune: anonymous ones, all where asked, all of old; and an event with what was made free", async () => {
  const prune = async (version: string, query = "") =>
    JSON.parse((await api.ask("POST", `/${version}/volumes/prune?${query}`)).text);
  const again = async () => {
    await clear();
    await create({ Name: "data" });
    return JSON.parse((await create({})).text).Name as string;
  };
  let anonymous = await again();
  assert.deepEqual(await prune("v1.50"), { VolumesDeleted: [anonymous], SpaceReclaimed: 100 });
  const { action, actor } = engine.kept.at(-1) ?? {};
  assert.deepEqual([action, actor], ["prune", { id: "", attributes: { reclaimed: "100" } }]);
  anonymous = await again();
  assert.deepEqual(
    (await prune("v1.50", filters({ all: ["true"] }))).VolumesDeleted,
    [anonymous, "data"].sort(),
  );
  anonymous = await again();
  assert.deepEqual((await prune("v1.41")).VolumesDeleted, [anonymous, "data"].sort());
  assert.deepEqual(await prune("v1.50"), { VolumesDeleted: [], SpaceReclaimed: 0 });
});

test("mounts that a create request gets wrong", async () => {
  await clear();
  const table = [
    [{ Mounts: [null] }, /Mounts/],
    [{ Mounts: "x" }, /Mounts/],
    [{ Mounts: [{ Type: "volume", Target: "/v", VolumeOptions: { Labels: { a: 1 } } }] }, /Labels/],
    [{ Mounts: [{ Type: "tmpfs", Target: "/v", TmpfsOptions: { Mode: -1 } }] }, /Mode/],
    [{ Mounts: [{ Type: "bind", Target: "/v", TmpfsOptions: {} }] }, /^TmpfsOptions must not be specified/],
    [{ Binds: [5] }, /Binds/],
    [{ Binds: ["a/b:/c"] }, /includes invalid characters/],
    [{ VolumesFrom: {} }, /VolumesFrom/],
  ] as const;
  for (const [HostConfig, message] of table) {
    const answer = await container({ HostConfig });
    assert.equal(answer.status, 400, answer.text);
    assert.match(messageIn(answer), message);
  }
  assert.deepEqual(engine.containers.list(), []);
});

test("what the client's version did not know is told to the engine", async () => {
  await clear();
  engine.requests.length = 0;
  await container({}, "v1.43");
  await container({}, "v1.44");
  assert.deepEqual(
    engine.requests.map(({ readonlyNonRecursive }) => readonlyNonRecursive),
    [true, undefined],
  );
});
