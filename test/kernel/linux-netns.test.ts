import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath, Step } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

const kernel = await startKernel();
after(() => kernel.close());

const netns = (name: string): NetnsPath => `/run/netns/${name}` as NetnsPath;
const rulesIn = (name: string): string => sh(`nsenter --net=/run/netns/${name} nft list ruleset`);

const RULES = `table ip resolver {
	chain output {
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40053
	}
}
`;

const step = (name: string, more: object = {}): Step => ({ do: "add-netns", path: netns(name), ...more });

test("a namespace is made with rules of its own, and the engine's are not touched", async () => {
  const before = sh("nft list ruleset");
  // The second and third come from the reserve, or are made where it isn't ready: there is no difference.
  for (const name of ["one", "two", "three"]) {
    await kernel.apply([step(name, { rules: RULES, sysctls: { "net.ipv4.ip_forward": "0" } })]);
    assert.equal(rulesIn(name).replace("dstnat", "-100"), RULES);
    assert.equal(await kernel.readSysctl("net.ipv4.ip_forward", netns(name)), "0");
    await sleep(20);
  }
  assert.equal(sh("nft list ruleset"), before);
});

test("the reserve is of the kind that is asked for", async () => {
  await kernel.apply([step("four", { rules: RULES })]);
  await sleep(20);
  await kernel.apply([step("five")]);
  assert.equal(rulesIn("five"), "");
  await sleep(20);
  await kernel.apply([step("six", { rules: "table ip other { }" })]);
  assert.equal(rulesIn("six"), "table ip other {\n}\n");
});

test("rules that nft refuses leave no namespace, and say why", async () => {
  await assert.rejects(kernel.apply([step("seven", { rules: "add rule ip nosuch x accept" })]), {
    kind: "internal",
    message: /^create network namespace \/run\/netns\/seven: .*No such file or directory/s,
  });
  assert.equal(existsSync("/run/netns/seven"), false);
  await kernel.apply([step("seven", { rules: RULES })]);
  await assert.rejects(
    kernel.apply([step("eight", { rules: RULES }), { do: "delete-link", name: "nosuch0" }]),
  );
  assert.equal(existsSync("/run/netns/eight"), false);
});
