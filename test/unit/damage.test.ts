/** Damaged records: the engine starts, says so, and serves the rest. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import { HOST, request, World } from "../support/container-fakes.ts";

test("a value that is no JSON is told of and left out; its key is there", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-damage-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "store.db");
  const first = new EmbeddedStore(path);
  await first.commit(["a/1", "a/2", "a/3"].map((key) => ({ key, value: key })));
  await first.close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE kv SET value = '{dam' WHERE key = 'a/2'");
  database.close();

  const told: string[] = [];
  const store = new EmbeddedStore(path, { onDamage: (key) => told.push(key) });
  assert.deepEqual(
    (await store.list("a/")).map(({ key }) => key),
    ["a/1", "a/3"],
  );
  assert.equal(await store.get("a/2"), undefined);
  assert.deepEqual(told, ["a/2", "a/2"]);
  assert.deepEqual(await store.keys("a/"), ["a/1", "a/2", "a/3"]);
  await store.commit([{ key: "a/2", value: "mended" }]);
  assert.equal(await store.get("a/2"), "mended");
  await store.close();
});

test("a container whose state is lost is exited, under its id; one that is lost keeps its files", async (t) => {
  const world = new World();
  t.after(() => world.remove());
  const first = world.containers();
  await first.start();
  const { id: whole } = await first.create(request());
  const { id: stateless } = await first.create(request());
  const { id: lost } = await first.create(request());
  await first.startContainer(stateless);
  await first.stop({ stopAll: false, timeout: 1 });
  await world.store.commit([
    { key: `container/${stateless}/state`, value: 7 },
    { key: `container/${lost}/config`, value: [] },
    { key: "container/nonsense/state", value: {} },
  ]);
  const files = join(world.root, "data/containers", lost);
  mkdirSync(files, { recursive: true });

  const second = world.containers({ host: HOST });
  await second.start();
  assert.deepEqual(
    second
      .list()
      .map(({ container }) => container.id)
      .sort(),
    [whole, stateless].sort(),
  );
  const { container } = second.inspect(stateless.slice(0, 12));
  assert.deepEqual([container.name, container.state.status], [stateless.slice(0, 12), "exited"]);
  assert.match(container.state.error, /its record was damaged/);
  assert.ok(!world.held.has(`process ${stateless}`), "what it ran is ended");
  assert.ok(existsSync(files));
  await second.remove(stateless, { force: false, volumes: false });
  assert.throws(() => second.inspect(stateless), { kind: "not-found" });
});
