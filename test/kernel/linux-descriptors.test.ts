import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { FD_SETSIZE } from "../../src/linux/high-descriptor.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { RESOLVER_REWRITES, RESOLVER_RULES } from "../../src/network/dns/rules.ts";
import { isolated } from "../support/isolated.ts";
import { MORTAL } from "./mortal-kernel.ts";

isolated(import.meta);

const many: number[] = [];

/** All numbers that select(2) knows are taken then, whoever gives one back. */
function openMany(): void {
  for (let last = 0; last < FD_SETSIZE + 100; many.push(last)) last = openSync("/dev/null", "r");
}

/** What a program that is started now has open. */
const inherited = (): string => execFileSync("ls", ["/proc/self/fd"], { encoding: "utf8" });
const inheritedBefore = inherited();

const kernel = await startKernel({ program: MORTAL });
after(async () => {
  await kernel.close();
  for (const fd of many) closeSync(fd);
});

test("programs that are started get none of the kernel's descriptors", async () => {
  await kernel.nft("list ruleset");
  assert.equal(inherited(), inheritedBefore);
});

test("more descriptors than select(2) knows: namespaces and nft go on, and a new thread in an old one's place", async () => {
  openMany();
  for (const life of ["first", "second", "third"]) {
    for (const number of [1, 2, 3]) {
      const name = `${life}${number}`;
      const path = `/run/netns/${name}` as NetnsPath;
      await kernel.apply([
        { do: "add-netns", path, rewrites: RESOLVER_REWRITES },
        { do: "nft", about: `table ${name}`, add: `add table ip ${name}`, remove: "" },
      ]);
      const args = [`--net=${path}`, "nft", "list", "ruleset"];
      assert.equal(execFileSync("nsenter", args, { encoding: "utf8" }), RESOLVER_RULES);
      assert.ok((await kernel.nft("list tables")).endsWith(`table ip ${name}\n`));
    }
    await assert.rejects(kernel.readSysctl("net.ipv4.ip_forward"), { message: /struck/ });
    openMany();
  }
});

test("no context is opened where its socket would be beyond select(2): an error, and nothing left", async () => {
  openMany();
  const before = readdirSync("/proc/self/fd").length;
  await assert.rejects(startKernel(), { kind: "unavailable", message: /descriptor below 1024/ });
  assert.equal(readdirSync("/proc/self/fd").length, before);
});
