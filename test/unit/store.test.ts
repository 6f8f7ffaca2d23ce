import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import type { Change, Json, Store } from "../../src/store/kv.ts";
import { MemoryStore } from "../../src/store/memory.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-store-"));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const nextFile = () => join(directory, `${files++}.db`);

const backings: Record<string, () => Store> = {
  memory: () => new MemoryStore(),
  embedded: () => new EmbeddedStore(nextFile()),
};

for (const [name, open] of Object.entries(backings)) {
  describe(name, () => {
    test("gives back what was committed, in key order", async () => {
      const store = open();
      await store.commit([
        { key: "network/b", value: { name: "b" } },
        { key: "network/a", value: [1, "two", null] },
        { key: "networks", value: true },
      ]);
      assert.deepEqual(await store.list("network/"), [
        { key: "network/a", value: [1, "two", null] },
        { key: "network/b", value: { name: "b" } },
      ]);
      assert.equal(await store.get("networks"), true);
      assert.equal(await store.get("network/c"), undefined);
      await store.commit([{ key: "network/a" }, { key: "network/never" }]);
      assert.equal((await store.list("network/")).length, 1);
      await store.close();
    });

    test("a commit that can't be encoded changes nothing", async () => {
      const store = open();
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      await assert.rejects(
        store.commit([
          { key: "a", value: 1 },
          { key: "b", value: circular as unknown as Json },
        ]),
        /circular/,
      );
      assert.deepEqual(await store.list(""), []);
      await store.close();
    });

    test("behaves as a sorted map does", async () => {
      const key = fc.stringMatching(/^[a-c/]{0,3}$/);
      const change = fc.record({ key, value: fc.option(fc.integer(), { nil: undefined }) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }),
          key,
          async (commits, prefix) => {
            const store = open();
            const model = new Map<string, number>();
            for (const commit of commits) {
              await store.commit(commit as Change[]);
              for (const { key, value } of commit) {
                if (value === undefined) model.delete(key);
                else model.set(key, value);
              }
            }
            const expected = [...model]
              .filter(([key]) => key.startsWith(prefix))
              .sort(([a], [b]) => (a < b ? -1 : 1));
            assert.deepEqual(
              (await store.list(prefix)).map(({ key, value }) => [key, value]),
              expected,
            );
            await store.close();
          },
        ),
        { numRuns: name === "memory" ? 200 : 20 },
      );
    });
  });
}

test("what was acknowledged survives kill -9", async () => {
  const path = nextFile();
  const store = new URL("../../src/store/embedded.ts", import.meta.url).href;
  const writer = `
    const { EmbeddedStore } = await import(${JSON.stringify(store)});
    const store = new EmbeddedStore(${JSON.stringify(path)});
    // Bounded, for the case that nobody is left to kill it.
    for (let i = 0; i < 20_000; i += 1) {
      await store.commit([{ key: "last", value: i }, { key: "n/" + i, value: i }]);
      process.stdout.write(i + "\\n");
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "--no-warnings", "-e", writer], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  for await (const chunk of child.stdout) {
    told += chunk;
    if (told.split("\n").length > 200) child.kill("SIGKILL");
  }
  const acknowledged = Number(told.split("\n").at(-2));
  const reopened = new EmbeddedStore(path);
  const last = Number(await reopened.get("last"));
  assert.ok(last >= acknowledged, `${last} is kept, ${acknowledged} was acknowledged`);
  assert.equal((await reopened.list("n/")).length, last + 1);
  await reopened.close();
});

test("a second opener, a damaged file and a later schema are refused by name", async () => {
  const path = nextFile();
  const first = new EmbeddedStore(path);
  await first.commit([{ key: "a", value: 1 }]);
  assert.throws(() => new EmbeddedStore(path), /open the store .*locked/);
  await first.close();

  const damaged = nextFile();
  writeFileSync(damaged, "no database at all, but long enough to be read as the header of one".repeat(20));
  assert.throws(() => new EmbeddedStore(damaged), /open the store .*not a database/);

  const { DatabaseSync } = await import("node:sqlite");
  const later = nextFile();
  const database = new DatabaseSync(later);
  database.exec("PRAGMA user_version=99");
  database.close();
  assert.throws(() => new EmbeddedStore(later), /written by a later version/);
});

test("nobody else reads the file, nor what lies beside it; one that was readable is so no more", async () => {
  const path = nextFile();
  const modes = () => [path, `${path}-wal`].map((file) => statSync(file).mode & 0o777);
  const first = new EmbeddedStore(path);
  await first.commit([{ key: "a", value: 1 }]);
  assert.deepEqual(modes(), [0o600, 0o600]);
  await first.close();
  chmodSync(path, 0o644);
  const second = new EmbeddedStore(path);
  await second.commit([{ key: "a", value: 2 }]);
  assert.deepEqual(modes(), [0o600, 0o600]);
  await second.close();
});
