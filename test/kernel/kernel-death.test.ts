import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";
import { MORTAL } from "./mortal-kernel.ts";

isolated(import.meta);

const descriptors = () => readdirSync("/proc/self/fd").length;

test("a thread that dies takes its descriptors with it, and the reserve; the next one works", async (t) => {
  const deaths: string[] = [];
  const kernel = await startKernel({ program: MORTAL, onDeath: ({ message }) => deaths.push(message) });
  t.after(() => kernel.close());
  const work = async (name: string) => {
    const netns = `/run/netns/${name}` as NetnsPath;
    await kernel.apply([{ do: "add-netns", path: netns }]);
    assert.equal((await kernel.links(netns)).length, 1);
    assert.equal(await kernel.nft("list ruleset"), "");
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
