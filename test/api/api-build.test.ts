/** Builds, as the API tells of them. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { invalid } from "../../src/lib/errors.ts";
import { messageIn, serve } from "./server.ts";

const api = await serve();
const { builder } = api.engine;
const aux = { aux: { ID: builder.image } };
const tar = { headers: { "Content-Type": "application/x-tar" }, body: "a context" };
const linesOf = (text: string) => text.split("\r\n").flatMap((line) => (line ? [JSON.parse(line)] : []));

beforeEach(() => {
  builder.messages = [{ stream: "Step 1/1 : FROM x\n" }, aux];
  builder.failure = undefined;
});

test("a build's stream, and what was asked", async () => {
  const answer = await api.ask("POST", "/v1.50/build?t=a&t=b&nocache=1&buildargs=%7B%22A%22%3Anull%7D", tar);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/json");
  assert.deepEqual(linesOf(answer.text), builder.messages);
  const request = builder.requests.at(-1);
  assert.ok(request?.context);
  assert.deepEqual(
    [request.tags, request.noCache, request.buildArgs, request.dockerfile],
    [["a", "b"], true, { A: null }, "Dockerfile"],
  );
});

test("old clients hear of no ids for programs; quiet ones of nothing but the image", async () => {
  const old = await api.ask("POST", "/v1.29/build", tar);
  assert.deepEqual(linesOf(old.text), builder.messages.slice(0, 1));
  const quiet = await api.ask("POST", "/v1.50/build?q=1", tar);
  assert.deepEqual(linesOf(quiet.text), [{ stream: `${builder.image}\n` }]);
});

test("a failure before the first line has a status; later, or of a quiet build, it is a line", async () => {
  builder.failure = Object.assign(new Error("it broke"), { exitCode: 3 });
  const told = { errorDetail: { code: 3, message: "it broke" }, error: "it broke" };
  for (const url of ["/build", "/build?q=1"]) {
    const answer = await api.ask("POST", url, tar);
    assert.equal(answer.status, 200);
    assert.deepEqual(linesOf(answer.text), [...builder.messages, told]);
  }
  builder.messages = [];
  builder.failure = invalid("dockerfile parse error on line 1: x");
  const refused = await api.ask("POST", "/build", tar);
  assert.deepEqual([refused.status, messageIn(refused)], [400, "dockerfile parse error on line 1: x"]);
  const wrong = await api.ask("POST", "/build?labels=x", tar);
  assert.equal(wrong.status, 400);
});

test("the cache pruned; a build that BuildKit would cancel", async () => {
  const pruned = await api.ask(
    "POST",
    `/build/prune?all=1&filters=${encodeURIComponent('{"until":["24h"]}')}`,
  );
  assert.deepEqual(JSON.parse(pruned.text), { CachesDeleted: ["a"], SpaceReclaimed: 7 });
  const labelled = encodeURIComponent('{"label":["x"]}');
  assert.equal((await api.ask("POST", `/build/prune?filters=${labelled}`)).status, 200);
  const unknown = encodeURIComponent('{"nosuch":["x"]}');
  assert.equal((await api.ask("POST", `/build/prune?filters=${unknown}`)).status, 400);
  assert.equal((await api.ask("POST", "/build/prune?keep-storage=x")).status, 400);
  const cancel = await api.ask("POST", "/build/cancel");
  assert.deepEqual([cancel.status, messageIn(cancel)], [400, "build ID not provided"]);
  assert.equal((await api.ask("POST", "/build/cancel?id=x")).status, 200);
});
