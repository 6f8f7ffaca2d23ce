import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath, PortRewrites, Step } from "../../src/linux/plan.ts";
import { RESOLVER_REWRITES, RESOLVER_RULES } from "../../src/network/dns/rules.ts";
import { RESOLVER_PORT } from "../../src/network/dns/types.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

const kernel = await startKernel();
after(() => kernel.close());

const netns = (name: string): NetnsPath => `/run/netns/${name}` as NetnsPath;
const rulesIn = (name: string): string => sh(`nsenter --net=/run/netns/${name} nft list ruleset`);

const step = (name: string, more: object = {}): Step => ({ do: "add-netns", path: netns(name), ...more });
const others = (ports: PortRewrites["ports"] = []): PortRewrites => ({ table: "other", ports });

test("a namespace is made with rewrites of its own, and the engine's rules are not touched", async () => {
  const before = sh("nft list ruleset");
  // The second and third come from the reserve, or are made where it isn't ready: there is no difference.
  for (const name of ["one", "two", "three"]) {
    const more = { rewrites: RESOLVER_REWRITES, sysctls: { "net.ipv4.ip_forward": "0" } };
    await kernel.apply([step(name, more)]);
    assert.equal(rulesIn(name), RESOLVER_RULES);
    assert.equal(await kernel.readSysctl("net.ipv4.ip_forward", netns(name)), "0");
    await sleep(20);
  }
  assert.equal(sh("nft list ruleset"), before);
});

test("rewrites are to the kernel what nft makes of their text", () => {
  const ours = sh(`nsenter --net=${netns("one")} nft --debug=netlink list ruleset`);
  const load = "unshare --net sh -c 'nft -f - && nft --debug=netlink list ruleset'";
  assert.equal(ours, execFileSync("sh", ["-c", load], { input: RESOLVER_RULES, encoding: "utf8" }));
  assert.match(ours, /payload write reg 1/);
});

test("a port that is rewritten leads to another, there and back; all else of it stays free", () => {
  const args = [`--net=${netns("one")}`, process.execPath, `${import.meta.dirname}/port-rewrite-probe.ts`];
  const printed = execFileSync("nsenter", [...args, "127.0.0.11", String(RESOLVER_PORT)], {
    encoding: "utf8",
  });
  assert.deepEqual(JSON.parse(printed), {
    udp: ["resolver 127.0.0.11:53", "program 127.0.0.1:53"],
    tcp: ["resolver", "program"],
  });
});

test("the reserve is of the kind that is asked for", async () => {
  await kernel.apply([step("four", { rewrites: RESOLVER_REWRITES })]);
  await sleep(20);
  await kernel.apply([step("five")]);
  assert.equal(rulesIn("five"), "");
  await sleep(20);
  const address = parseAddress("127.0.0.53");
  await kernel.apply([step("six", { rewrites: others([{ address, from: 7, to: 8 }]) })]);
  assert.match(rulesIn("six"), /^table ip other {.*ip daddr 127.0.0.53 tcp dport 7 tcp dport set 8\n/s);
  await sleep(20);
  await kernel.apply([step("seven", { rewrites: others([{ address, from: 7, to: 9 }]) })]);
  assert.match(rulesIn("seven"), /set 9\n/);
});

test("rewrites that the kernel refuses leave no namespace, and say why", async () => {
  const rewrites = { ...RESOLVER_REWRITES, table: "x".repeat(300) }; // NFT_TABLE_MAXNAMELEN is 256
  await assert.rejects(kernel.apply([step("eight", { rewrites })]), {
    name: "KernelError",
    message: /^create network namespace \/run\/netns\/eight: .*\(ERANGE\)$/,
  });
  assert.equal(existsSync(netns("eight")), false);
  await assert.rejects(
    kernel.apply([step("nine", { rewrites: RESOLVER_REWRITES }), { do: "delete-link", name: "nosuch0" }]),
  );
  assert.equal(existsSync(netns("nine")), false);
});
