import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

test("only lo is there, and it is up", () => {
  assert.deepEqual(readdirSync("/sys/class/net"), ["lo"]);
  assert.match(execFileSync("ip", ["-br", "link"], { encoding: "utf8" }), /^lo\s+UNKNOWN/);
});

test("no rules are there, and processes are our own", () => {
  assert.equal(execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }), "");
  assert.equal(readFileSync("/proc/1/comm", "utf8"), "sh\n");
  assert.equal(readlinkSync("/proc/self"), String(process.pid));
});

test("ip netns works, in a /run of its own", () => {
  assert.deepEqual(readdirSync("/run/netns"), []);
  execFileSync("ip", ["netns", "add", "a"]);
  assert.match(
    execFileSync("ip", ["netns", "exec", "a", "ip", "-br", "link"], { encoding: "utf8" }),
    /^lo .*\n$/,
  );
});
