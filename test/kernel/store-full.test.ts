import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mount } from "../../src/linux/mount.ts";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

/** Until the last byte is taken. */
function fill(directory: string): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    for (let i = 0; ; i += 1) {
      try {
        writeFileSync(join(directory, `fill-${size}-${i}`), new Uint8Array(size));
      } catch {
        break;
      }
    }
  }
}

test("on a full disk there is room for small commits; one too large is refused and changes nothing", async () => {
  const directory = "/run/full";
  mkdirSync(directory);
  mount({ source: "tmpfs", target: directory, type: "tmpfs", data: "size=4m" });
  const path = join(directory, "store.db");
  const store = new EmbeddedStore(path);
  await store.commit([{ key: "a", value: "1" }]);
  fill(directory);
  for (let i = 0; i < 500; i += 1) await store.commit([{ key: "a", value: `${i}`.repeat(500) }]);
  for (let i = 0; i < 20; i += 1) await store.commit([{ key: `new/${i}`, value: "x".repeat(3000) }]);
  const large = store.commit([{ key: "b" }, { key: "c", value: "x".repeat(1 << 20) }, { key: "a" }]);
  await assert.rejects(large, /commit to the store: .*full/);
  assert.equal(await store.get("a"), "499".repeat(500));
  await store.commit([{ key: "a", value: "last" }]);

  await store.close();
  const next = new EmbeddedStore(path);
  assert.equal(await next.get("a"), "last");
  assert.equal((await next.list("new/")).length, 20);
  await next.close();
});
