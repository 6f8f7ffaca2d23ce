/** What a client sees of HTTP itself: versions, headers, refusals, and what is malformed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ask, json, messageIn, serve } from "./server.ts";

const api = await serve();

test("ping: by GET and HEAD, with what clients negotiate by", async () => {
  for (const method of ["GET", "HEAD"]) {
    const { status, headers, text } = await api.ask(method, "/_ping");
    assert.equal(status, 200);
    assert.equal(text, method === "GET" ? "OK" : "");
    assert.equal(headers["api-version"], "1.50");
    assert.equal(headers["docker-experimental"], "false");
    assert.equal(headers.ostype, "linux");
    assert.equal(headers["builder-version"], "1");
    assert.match(String(headers.server), /^Drawbridge/);
  }
});

test("version and info hold what the engine says", async () => {
  const version = JSON.parse((await api.ask("GET", "/v1.24/version")).text);
  assert.deepEqual([version.ApiVersion, version.MinAPIVersion, version.Version], ["1.50", "1.24", "0.1.0"]);
  assert.deepEqual(
    version.Components.map(({ Name }: { Name: string }) => Name),
    ["Engine", "crun", "conmon", "tini"],
  );
  const info = JSON.parse((await api.ask("GET", "/info")).text);
  assert.deepEqual(info.Plugins.Log, ["json-file", "local", "none"]); // those that create takes
  assert.equal(info.MemTotal, 4 * 2 ** 30);
  assert.equal(info.Swarm.LocalNodeState, "inactive");
});

test("versions too old and too new are refused, unknown pages are not found", async () => {
  assert.deepEqual(
    [(await api.ask("GET", "/v1.23/_ping")).status, (await api.ask("GET", "/v9.9/info")).status],
    [400, 400],
  );
  for (const [method, url] of [
    ["GET", "/nothing"],
    ["PATCH", "/info"],
    ["GET", "/"],
    ["HEAD", "/info"],
    ["GET", "/v9.9/nothing"],
  ] as const) {
    const answer = await api.ask(method, url);
    assert.equal(answer.status, 404, url);
    if (method !== "HEAD") assert.equal(answer.text, '{"message":"page not found"}\n', url);
    assert.equal(answer.headers["content-type"], "application/json");
  }
  assert.equal((await api.ask("OPTIONS", "/info")).status, 200);
  assert.equal((await api.ask("HEAD", "/_ping")).status, 200);
});

test("bodies that are no JSON, of another type, or too large", async () => {
  const create = (options: Parameters<typeof ask>[3]) => api.ask("POST", "/containers/create", options);
  assert.match(messageIn(await create(json("{"))), /^invalid JSON: /);
  assert.match(messageIn(await create(json('{"__proto__":{}}'))), /__proto__/);
  assert.match(
    messageIn(await create({ body: "{}", headers: { "Content-Type": "text/plain" } })),
    /unsupported Content-Type header \(text\/plain\)/,
  );
  assert.equal((await create({ body: "{}" })).status, 400);
  const none = await create({ body: "{}", headers: { "Content-Type": "" } });
  assert.deepEqual([none.status, messageIn(none)], [400, "malformed Content-Type header"]);
  assert.match(messageIn(await create({})), /config cannot be empty/);
  const length = `Content-Type: application/json\r\nContent-Length: ${5 << 20}\r\n`;
  const large = await api.raw(`POST /containers/create HTTP/1.1\r\nHost: x\r\n${length}\r\n`);
  assert.match(await large.until("}"), /^HTTP\/1\.1 413 [\s\S]*"Request body is too large"/);
  large.socket.destroy();
});

test("members are found whatever the case of their names, as Go finds them", async () => {
  const before = api.engine.requests.length;
  const body = { image: "busybox", CMD: ["true"], hostconfig: { memory: 64 << 20 }, Labels: { image: "x" } };
  assert.equal((await api.ask("POST", "/containers/create", json(body))).status, 201);
  const [asked] = api.engine.requests.splice(before);
  assert.deepEqual([asked?.config.Image, asked?.config.Cmd], ["busybox", ["true"]]);
  assert.deepEqual([asked?.hostConfig.Memory, asked?.config.Labels], [64 << 20, { image: "x" }]);
});

test("versions are compared number by number", async () => {
  for (const [version, status] of [
    ["1.41.3", 200],
    ["1", 400],
    ["1.50.1", 400],
    ["01.041", 200],
  ] as const) {
    assert.equal((await api.ask("GET", `/v${version}/_ping`)).status, status, version);
  }
  assert.equal((await api.ask("GET", "//v1.41//_ping")).status, 200);
});

test("a field of the wrong kind is named", async () => {
  const cases: readonly [body: object, wanted: RegExp][] = [
    [{ Image: 1 }, /body Image: must be string/],
    [{ Image: "x", HostConfig: { Memory: "1g" } }, /body HostConfig\.Memory: must be integer/],
    [{ Image: "x", Env: ["a=b", 3] }, /body Env\.1: must be string/],
    [{ Image: "x", Labels: { a: 1 } }, /body Labels\.a: must be string/],
    [[], /body: must be object/],
  ];
  for (const [body, wanted] of cases) {
    const answer = await api.ask("POST", "/containers/create", json(body));
    assert.equal(answer.status, 400);
    assert.match(messageIn(answer), wanted);
  }
  assert.match(messageIn(await api.ask("GET", "/containers/json?limit=many")), /invalid limit/);
  // Of a parameter that is given twice the first counts.
  assert.equal((await api.ask("GET", "/containers/json?filters={}&filters=none")).status, 200);
  assert.equal((await api.ask("GET", "/containers/json?filters=none&filters={}")).status, 400);
  assert.deepEqual(api.engine.requests, []);
});

test("paths that climb, and references that are none, find nothing", async () => {
  for (const url of [
    "/containers/../json",
    "/containers/%2e%2e%2f%2e%2e%2fetc/json",
    "/containers/a%00b/json",
  ]) {
    assert.equal((await api.ask("GET", url)).status, 404, url);
  }
  assert.equal((await api.ask("DELETE", "/containers/..%2f..%2fx?force=1")).status, 404);
  assert.equal((await api.ask("GET", "/networks/..%2fx")).status, 404);
  assert.equal((await api.ask("GET", "/containers/%zz/json")).status, 400);
  assert.equal((await api.ask("GET", `/containers/${"x".repeat(600)}/json`)).status, 404);
});

test("what is not built in says so, and a swarm's calls say that there is none", async () => {
  const grpc = await api.ask("POST", "/grpc");
  assert.deepEqual([grpc.status, /DOCKER_BUILDKIT=0/.test(messageIn(grpc))], [501, true]);
  for (const url of ["/swarm", "/nodes", "/services/x", "/tasks"]) {
    const answer = await api.ask("GET", url);
    assert.deepEqual([answer.status, /not a swarm manager/.test(messageIn(answer))], [503, true], url);
  }
  assert.deepEqual(JSON.parse((await api.ask("GET", "/volumes")).text).Volumes, []);
});

test("a request that is no HTTP is answered 400 and cut", async () => {
  const connection = await api.raw("HELLO\r\n\r\n");
  assert.match(await connection.all(), /^HTTP\/1\.1 400/);
});

test("a client that half-closes after its request gets its answer", async () => {
  const connection = await api.raw("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.socket.end();
  assert.match(await connection.all(), /^HTTP\/1\.1 200[\s\S]*OK$/);
});

test("requests one after another on one connection, and an Upgrade header where none is meant", async () => {
  const one = "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n";
  const connection = await api.raw(one + one);
  await connection.until(/OK[\s\S]*OK$/);
  connection.socket.write("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  assert.match(await connection.until(/(OK[\s\S]*){3}$/), /200 OK/);
  connection.socket.destroy();
});
