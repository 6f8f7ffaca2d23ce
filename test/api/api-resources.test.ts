/** Containers, images, networks and events, asked for as clients do. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { ApiError } from "../../src/api/client.ts";
import { eventually, json, messageIn, serve } from "./server.ts";

const api = await serve();
const { client, engine } = api;

interface Summary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly SizeRw?: number;
}

const names = async (query: Record<string, string>) =>
  (await client.get<Summary[]>("/containers/json", query)).flatMap(({ Names }) => Names).join(" ");
const filters = (value: object) => ({ filters: JSON.stringify(value) });

test("a container's life by its calls", async () => {
  const made = await api.ask(
    "POST",
    "/v1.50/containers/create?name=life",
    json({ Image: "busybox", Cmd: ["sleep"] }),
  );
  assert.equal(made.status, 201);
  const { Id, Warnings } = JSON.parse(made.text);
  assert.deepEqual(Warnings, []);
  const post = async (path: string) => (await api.ask("POST", `/containers/${path}`)).status;
  assert.equal(await post("life/start"), 204);
  assert.equal(await post("life/start"), 304);
  assert.equal(await post("life/pause"), 204);
  assert.equal(await post("life/unpause"), 204);
  assert.equal(await post("life/rename?name=%2Flife2"), 204);
  assert.equal(await post("life2/rename"), 400);
  assert.equal(await post(`${Id.slice(0, 5)}/stop?t=3&signal=INT`), 204);
  assert.deepEqual(engine.calls.at(-1), ["stop", Id.slice(0, 5), { timeout: 3, signal: "INT" }]);
  assert.equal(await post("life2/stop"), 304);
  assert.equal(await post("life2/kill"), 409);
  assert.equal(await post("life2/restart?t=x"), 400);
  assert.equal(await post("life2/restart"), 204);
  assert.equal((await api.ask("DELETE", "/containers/life2")).status, 409);
  assert.equal((await api.ask("DELETE", "/containers/life2?force=1&v=1")).status, 204);
  const gone = await api.ask("GET", "/containers/life2/json");
  assert.deepEqual([gone.status, messageIn(gone)], [404, "No such container: life2"]);
});

test("a name that is taken, or none", async () => {
  await api.container("taken", ["sleep"], { start: false });
  await assert.rejects(
    client.post("/containers/create", { name: "taken" }, { Image: "busybox" }),
    (error: ApiError) => {
      assert.equal(error.status, 409);
      return /already in use by container/.test(error.message);
    },
  );
  await assert.rejects(client.post("/containers/create", { name: "x" }, { Image: "busybox" }), {
    status: 400,
  });
  await client.delete("/containers/taken");
});

test("lists: those that run, all, the newest, and by each filter", async () => {
  await api.container("one", ["sleep"]);
  await api.container("two", ["exit", "3"]);
  await api.container("three", ["sleep"], { start: false });
  await eventually(() => engine.entry("two").container.state.status === "exited");
  assert.equal(await names({}), "/one");
  assert.equal(await names({ all: "1" }), "/three /two /one");
  assert.equal(await names({ limit: "2" }), "/three /two");
  assert.equal(await names({ all: "true", ...filters({ name: ["^t"] }) }), "/three /two");
  assert.equal(await names({ all: "1", ...filters({ name: { "/one": true } }) }), "/one");
  assert.equal(await names(filters({ status: ["exited", "created"] })), "/three /two");
  assert.equal(await names({ all: "1", ...filters({ exited: ["3"] }) }), "/two");
  assert.equal(await names({ all: "1", ...filters({ before: ["three"] }) }), "/two /one");
  assert.equal(await names({ all: "1", ...filters({ since: ["one"] }) }), "/three /two");
  assert.equal(await names({ all: "1", ...filters({ ancestor: ["busybox"] }) }), "/three /two /one");
  assert.equal(await names({ all: "1", ...filters({ ancestor: ["other"] }) }), "");
  assert.equal(await names({ all: "1", ...filters({ network: ["bridge"] }) }), "/three /two /one");
  assert.equal(await names({ all: "1", ...filters({ network: ["host"] }) }), "");
  assert.equal(await names({ all: "1", ...filters({ health: ["healthy"] }) }), "");
  const id = engine.entry("one").container.id;
  assert.equal(await names(filters({ id: [id.slice(0, 20)] })), "/one");
  await assert.rejects(names(filters({ status: ["odd"] })), {
    status: 400,
    message: "invalid filter 'status=odd'",
  });
  await assert.rejects(names(filters({ odd: ["x"] })), { status: 400, message: "invalid filter 'odd'" });
  await assert.rejects(names({ all: "1", ...filters({ since: ["nobody"] }) }), { status: 404 });
  const [sized] = await client.get<Summary[]>("/containers/json", { size: true });
  assert.equal(sized?.SizeRw, 42);
});

test("images: imported as a stream, found by names with slashes, written either way", async () => {
  const tar = Readable.from([Buffer.alloc(300_000), Buffer.alloc(5)]);
  const answer = await client.stream("POST", "/images/create", {
    query: { fromSrc: "-", repo: "example.org/a/b", tag: "1", message: "m", changes: ["CMD sh", "ENV a=b"] },
    body: tar,
  });
  const text = (await answer.toArray()).join("");
  const { status } = JSON.parse(text) as { readonly status: string };
  const { request, bytes } = engine.imported[0] ?? {};
  assert.equal(bytes, 300_005);
  assert.deepEqual(
    [request?.reference, request?.message, request?.changes],
    ["example.org/a/b:1", "m", ["CMD sh", "ENV a=b"]],
  );
  for (const name of ["example.org/a/b:1", "example.org%2Fa%2Fb:1"]) {
    const found = await api.ask("GET", `/v1.44/images/${name}/json`);
    assert.deepEqual([found.status, JSON.parse(found.text).Id], [200, status]);
  }
  assert.equal((await client.get<unknown[]>("/images/example.org/a/b:1/history")).length, 1);
  const listed = await client.get<{ RepoTags: string[] }[]>(
    "/images/json",
    filters({ reference: ["example.org/a/*"] }),
  );
  assert.deepEqual(
    listed.map(({ RepoTags }) => RepoTags),
    [["example.org/a/b:1"]],
  );
  assert.equal((await api.ask("POST", "/images/example.org/a/b:1/tag?repo=c/d&tag=2")).status, 201);
  const removed = await client.delete<object[]>("/images/c/d:2");
  assert.deepEqual(removed.at(-1), { Deleted: status });
  assert.equal((await api.ask("GET", "/images/c/d:2/json")).status, 404);
  assert.equal((await api.ask("GET", "/images/a%20b/json")).status, 400);
});

test("imports that can't be", async () => {
  const create = (query: string) => api.ask("POST", `/images/create?${query}`);
  assert.deepEqual([(await create("fromSrc=-")).status, (await create("")).status], [400, 400]);
  assert.equal((await create("fromSrc=http://x/y.tar")).status, 501);
});

test("an image in use is kept", async () => {
  const answer = await api.ask("DELETE", "/images/busybox");
  assert.equal(answer.status, 409);
});

test("networks: listed without their containers, inspected with them", async () => {
  interface Network {
    readonly Name: string;
    readonly Id: string;
    readonly Containers: Record<string, { readonly EndpointID: string; readonly IPv4Address: string }>;
  }
  const listed = await client.get<Network[]>("/networks");
  assert.deepEqual(
    listed.map(({ Name }) => Name),
    ["bridge", "host", "none"],
  );
  assert.deepEqual(
    listed.map(({ Containers }) => Containers),
    [{}, {}, {}],
  );
  const by = async (value: object) =>
    (await client.get<Network[]>("/networks", filters(value))).map(({ Name }) => Name);
  assert.deepEqual(await by({ driver: ["host", "null"] }), ["host", "none"]);
  assert.deepEqual(await by({ name: ["rid"] }), ["bridge"]);
  assert.deepEqual(await by({ type: ["custom"] }), []);
  assert.deepEqual(await by({ dangling: ["false"] }), ["bridge", "host", "none"]);
  assert.deepEqual(await by({ id: [engine.bridge.id.slice(0, 9)] }), ["bridge"]);
  await assert.rejects(by({ type: ["odd"] }), { status: 400 });
  const { id } = engine.entry("one").container;
  const inspected = await client.get<Network>(`/networks/${engine.bridge.id.slice(0, 12)}`);
  const member = inspected.Containers[id];
  const container = await client.get<{
    NetworkSettings: { Networks: Record<string, { EndpointID: string }> };
  }>("/containers/one/json");
  assert.equal(member?.EndpointID, container.NetworkSettings.Networks.bridge?.EndpointID);
  assert.equal(member?.IPv4Address, "172.17.0.2/16");
  await assert.rejects(client.get("/networks/nosuch"), { status: 404, message: "network nosuch not found" });
});

test("events: those past and those to come, by filters, until a time", async () => {
  const past = await client.stream("GET", "/events", {
    query: { since: 0, until: Date.now() / 1000, ...filters({ container: ["life"] }) },
  });
  const lines = (await past.toArray())
    .join("")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.slice(0, 2).map(({ Action, status }) => [Action, status]),
    [
      ["create", "create"],
      ["start", "start"],
    ],
  );
  assert.equal(engine.subscribers, 0);

  // An end alone is an end to what is past.
  const until = { until: Date.now() / 1000, ...filters({ container: ["life"], event: ["create"] }) };
  const untold = await client.stream("GET", "/events", { query: until });
  assert.equal(JSON.parse((await untold.toArray()).join("")).Action, "create");

  const stream = await client.stream("GET", "/events", {
    query: filters({ event: ["exec_create"], type: ["container"] }),
  });
  engine.events.publish({ type: "network", action: "exec_create", actor: { id: "n", attributes: {} } });
  engine.events.publish({ type: "container", action: "start", actor: { id: "c", attributes: {} } });
  engine.events.publish({
    type: "container",
    action: "exec_create: sh -c x",
    actor: { id: "c", attributes: {} },
  });
  const [piece] = await stream.take(1).toArray();
  assert.equal(JSON.parse(String(piece)).Action, "exec_create: sh -c x");
  await eventually(() => engine.subscribers === 0);
});

test("df counts what is there", async () => {
  const usage = await client.get<{ Containers: unknown[]; Images: unknown[] | null }>("/system/df", {
    type: ["container"],
  });
  assert.deepEqual([usage.Containers.length, usage.Images], [3, null]);
});

test("df says since when there is a build cache", async () => {
  const { BuildCache } = await client.get<{ BuildCache: { Size: number; CreatedAt: string }[] }>(
    "/system/df",
    {
      type: ["build-cache"],
    },
  );
  assert.deepEqual(
    BuildCache.map(({ Size, CreatedAt }) => [Size, CreatedAt]),
    [[7, "2026-01-02T03:04:05.000Z"]],
  );
});
