/** What a container wrote, over the API: archive, changes, export, commit, prune, links. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { encodingOf } from "../../src/api/routes/archive.ts";
import { COMMITTED, MOTD } from "./fake-files.ts";
import { json, messageIn, serve } from "./server.ts";

const api = await serve();
const { engine } = api;
await api.container("box", ["sleep"]);
const STAT = "x-docker-container-path-stat";
const archive = "/containers/box/archive";

test("the stat of a path: JSON in base64, in a header", async () => {
  for (const method of ["HEAD", "GET"]) {
    const { status, headers } = await api.ask(method, `${archive}?path=/etc/motd`);
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(Buffer.from(String(headers[STAT]), "base64").toString()), MOTD);
  }
});

test("a tar, compressed where the client takes that", async () => {
  const plain = await api.ask("GET", `${archive}?path=/etc/motd`);
  assert.equal(plain.text, "a tar");
  assert.equal(plain.headers["content-type"], "application/x-tar");
  assert.equal(encodingOf("deflate, gzip;q=1.0"), "gzip");
  assert.equal(encodingOf("gzip;q=0, deflate"), "deflate");
  assert.equal(encodingOf("br"), undefined);
  const { headers, body } = await api.client
    .stream("GET", `${archive}?path=/etc/motd`, { headers: { "Accept-Encoding": "gzip" } })
    .then(async (message) => ({
      headers: message.headers,
      body: Buffer.concat(await message.toArray()),
    }));
  assert.equal(headers["content-encoding"], "gzip");
  assert.equal(gunzipSync(body).toString(), "a tar");
});

test("what is missing is said in Docker's words", async () => {
  const missing = await api.ask("GET", `${archive}?path=/x`);
  assert.deepEqual(
    [missing.status, messageIn(missing)],
    [404, "Could not find the file /x in container box"],
  );
  const pathless = await api.ask("GET", archive);
  assert.deepEqual([pathless.status, messageIn(pathless)], [400, "bad parameter: pathcannot be empty"]);
  assert.equal((await api.ask("HEAD", "/containers/none/archive?path=/etc/motd")).status, 404);
});

test("a tar goes in as it is, whatever it calls itself", async () => {
  const url = `${archive}?path=/etc&noOverwriteDirNonDir=true&copyUIDGID=1`;
  const { status } = await api.ask("PUT", url, json({ not: "read as JSON" }));
  assert.equal(status, 200);
  assert.deepEqual(engine.calls.at(-1), [
    "writeArchive",
    "/etc",
    '{"not":"read as JSON"}',
    { noOverwriteDirNonDir: true, copyOwner: true },
  ]);
  assert.equal((await api.ask("PUT", `${archive}?path=/etc`)).status, 200);
  assert.deepEqual(engine.calls.at(-1)?.slice(2), ["", { noOverwriteDirNonDir: false, copyOwner: false }]);
});

test("changes by their kinds", async () => {
  assert.deepEqual(JSON.parse((await api.ask("GET", "/containers/box/changes")).text), [
    { Path: "/a", Kind: 0 },
    { Path: "/a/b", Kind: 1 },
    { Path: "/c", Kind: 2 },
  ]);
});

test("export is all of it", async () => {
  assert.equal((await api.ask("GET", "/containers/box/export")).text, "the whole of it");
});

test("commit: what is left out, what is given, what is refused", async () => {
  const plain = await api.ask("POST", "/commit?container=box");
  assert.deepEqual([plain.status, JSON.parse(plain.text)], [201, { Id: COMMITTED }]);
  assert.deepEqual(engine.calls.at(-1)?.[2], { comment: "", author: "", pause: true, changes: [] });
  const url = "/commit?container=box&repo=team/app&comment=c&author=a&pause=0&changes=CMD+x&changes=USER+y";
  await api.ask("POST", url, json({ Cmd: "sh", Labels: null, User: "u" }));
  assert.deepEqual(engine.calls.at(-1)?.[2], {
    reference: "team/app:latest",
    comment: "c",
    author: "a",
    pause: false,
    changes: ["CMD x", "USER y"],
    config: { Cmd: ["sh"], User: "u" },
  });
  const count = engine.calls.length;
  for (const [query, words] of [
    ["repo=UPPER", /must be lowercase/],
    ["repo=a&tag=not%20one", /^invalid reference format$/],
    ["repo=a@sha256:x", /^cannot import digest reference$/],
  ] as const) {
    const refused = await api.ask("POST", `/commit?container=box&${query}`);
    assert.equal(refused.status, 400);
    assert.match(messageIn(refused), words);
  }
  assert.equal(engine.calls.length, count);
});

interface Pruned {
  readonly message?: string;
  readonly ContainersDeleted?: readonly string[] | null;
  readonly SpaceReclaimed?: number;
}

test("prune: by time and labels, none that runs", async () => {
  await api.container("old", ["true"], { start: false });
  const prune = async (filters: object) => {
    const { status, text } = await api.ask(
      "POST",
      `/containers/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`,
    );
    return { status, ...(JSON.parse(text) as Pruned) };
  };
  const none = { status: 200, ContainersDeleted: null, SpaceReclaimed: 0 };
  assert.deepEqual(await prune({ label: ["absent"] }), none);
  assert.deepEqual(await prune({ until: ["2001-01-01T00:00:00Z"] }), none);
  assert.equal((await prune({ name: ["old"] })).status, 400);
  assert.equal((await prune({ until: ["1h", "2h"] })).message, "more than one until filter specified");
  const { ContainersDeleted, SpaceReclaimed } = await prune({ "label!": ["absent"] });
  assert.deepEqual([ContainersDeleted?.length, SpaceReclaimed], [1, 7]);
  assert.equal((await api.ask("GET", "/containers/box/json")).status, 200);
});

test("a link's name has a slash in it", async () => {
  assert.equal((await api.ask("DELETE", "/containers/web/db?link=1")).status, 204);
  assert.deepEqual(engine.calls.at(-1), ["removeLink", "web/db"]);
  assert.equal((await api.ask("DELETE", "/containers/web/db")).status, 404);
});
