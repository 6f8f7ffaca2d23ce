import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

/** The real thread, that is struck when it is asked for a setting. */
const MORTAL = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    import "${pathToFileURL(`${import.meta.dirname}/../../src/linux/kernel-worker.ts`)}";
    parentPort.on("message", ({ call }) => { if (call === "readSysctl") throw new Error("struck"); });
  `)}`,
);

test("a thread that dies takes its descriptors with it, and the reserve; the next one works", async (t) => {
  const deaths: string[] = [];
  const kernel = await startKernel({ program: MORTAL, onDeath: ({ message }) => deaths.push(message) });
  t.after(() => kernel.close());
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const work = async (name: string) => {
    const netns = `/run/netns/${name}` as NetnsPath;
    await kernel.apply([{ do: "add-netns", path: netns }]);
    assert.equal((await kernel.links(netns)).length, 1);
    await kernel.dismantle([{ do: "remove-netns", path: netns }]);
    await assert.rejects(kernel.readSysctl("net.ipv4.ip_forward"), {
      kind: "unavailable",
      message: /struck/,
    });
  };
  await work("first");
  const before = descriptors();
  for (const name of ["second", "third", "fourth"]) await work(name);
  assert.equal(descriptors(), before);
  assert.deepEqual(deaths, Array(4).fill("struck"));
});
