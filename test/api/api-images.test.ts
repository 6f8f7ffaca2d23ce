/** Images' archives, prune and platforms over HTTP, on a fake engine. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { messageIn, serve } from "./server.ts";

const api = await serve();
const { client } = api;

const platform = (architecture: string) => encodeURIComponent(JSON.stringify({ os: "linux", architecture }));

async function load(query: string, bytes = 2000): Promise<Record<string, unknown>[]> {
  const answer = await client.stream("POST", `/images/load${query}`, {
    body: Readable.from([Buffer.alloc(bytes)]),
  });
  const text = (await answer.toArray()).join("");
  return text
    .trim()
    .split("\r\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("save: one or many names, a tar; what is not there is told before it begins", async () => {
  await api.container("user", ["sleep"]);
  const one = await api.ask("GET", "/images/busybox/get");
  assert.deepEqual([one.status, one.headers["content-type"]], [200, "application/x-tar"]);
  assert.equal(one.text, "tar of busybox:latest\n");
  const two = await api.ask("GET", "/images/get?names=busybox&names=busybox:latest");
  assert.equal(two.text, "tar of busybox:latest\n".repeat(2));
  const none = await api.ask("GET", "/images/get?names=nope");
  assert.deepEqual([none.status, messageIn(none)], [404, "No such image: nope"]);
  const bad = await api.ask("GET", "/images/busybox/get?platform=linux/arm64");
  assert.equal(bad.status, 400);
  // Before 1.48 there was no such parameter.
  assert.equal((await api.ask("GET", "/v1.47/images/busybox/get?platform=linux/arm64")).status, 200);
});

test("load: progress where it is asked for, names in Docker's words, failures in the stream", async () => {
  assert.deepEqual(await load("?quiet=1"), [{ stream: "Loaded image: loaded:1\n" }]);
  const [progress, renamed, loaded] = await load("?quiet=0");
  assert.deepEqual(
    [progress?.status, progress?.progressDetail],
    ["Loading layer", { current: 2000, total: 2000 }],
  );
  assert.match(String(progress?.id), /^[0-9a-f]{12}$/);
  assert.match(
    String(renamed?.stream),
    /^The image loaded:1 already exists, renaming the old one with ID sha256:/,
  );
  assert.deepEqual(loaded, { stream: "Loaded image: loaded:1\n" });
  const [unnamed] = await load(`?platform=${platform("amd64")}`);
  assert.match(String(unnamed?.stream), /^Loaded image ID: sha256:[0-9a-f]{64}\n$/);
  const message = "the tar archive is cut short";
  assert.deepEqual(await load("", 3), [{ errorDetail: { message }, error: message }]);
  const twice = await api.ask("POST", "/images/load?platform=a&platform=b");
  assert.deepEqual([twice.status, messageIn(twice)], [400, "multiple platform parameters not supported"]);
});

test("an image for another platform than asked for is not there", async () => {
  const ask = (url: string) => api.ask("GET", url).then(({ status }) => status);
  assert.equal(await ask(`/images/busybox/json?platform=${platform("amd64")}`), 200);
  assert.equal(await ask(`/images/busybox/json?platform=${platform("arm64")}`), 404);
  assert.equal(await ask(`/images/busybox/json?manifests=1&platform=${platform("amd64")}`), 400);
  assert.equal(await ask(`/images/busybox/history?platform=${platform("arm64")}`), 404);
  assert.equal(await ask(`/v1.47/images/busybox/history?platform=${platform("arm64")}`), 200);
});

test("prune: what is removed and how much it was", async () => {
  const filters = encodeURIComponent('{"dangling":["false"]}');
  const pruned = await client.post<{ ImagesDeleted: unknown[]; SpaceReclaimed: number }>(
    `/images/prune?filters=${filters}`,
  );
  assert.equal(pruned.ImagesDeleted.length, 3);
  assert.equal(pruned.SpaceReclaimed, 6000);
  assert.deepEqual(await client.post(`/images/prune`), { ImagesDeleted: null, SpaceReclaimed: 0 });
  assert.equal((await api.ask("POST", "/images/prune?filters=%7B%22odd%22%3A%5B%22x%22%5D%7D")).status, 400);
});

test("names that can't be tagged", async () => {
  const tag = (query: string) => api.ask("POST", `/images/busybox/tag?${query}`).then(({ status }) => status);
  for (const query of ["repo=sha256&tag=1", "", "repo=x&tag=!", "repo=X&tag=1"]) {
    assert.equal(await tag(query), 400, query);
  }
  assert.equal(await tag("repo=x/y&tag=1"), 201);
});
