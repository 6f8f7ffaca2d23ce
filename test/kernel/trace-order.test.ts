/** Base chains of one hook and priority are asked in the kernel's order: what is predicted is what nftables traces. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { readTopology } from "../../src/observe/read.ts";
import { predict } from "../../src/trace/predict.ts";
import { prove } from "../../src/trace/prove.ts";
import type { Flow, RuleRef } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

/** A chain with one rule that matches. */
const chain = (name: string, hook: string, priority: number, type = "filter") =>
  `chain ${name} { type ${type} hook ${hook} priority ${priority}; meta l4proto icmp accept; }`;

const SETS = [
  `table inet first {
    ${chain("early", "output", -10)}
    ${chain("one", "output", 0)}
    ${chain("two", "output", 0)}
    ${chain("in1", "input", 5)}
    ${chain("nat1", "output", -100, "nat")}
  }`,
  `table ip second {
    ${chain("one", "output", 0)}
    ${chain("in2", "input", 5)}
    ${chain("nat2", "output", -100, "nat")}
    ${chain("nat0", "output", -90, "nat")}
  }
  table inet third {
    ${chain("one", "output", 0)}
  }`,
];

const nameOf = (rule: RuleRef): string => `${rule.family} ${rule.table} ${rule.chain}`;

test("of equal priority the later made comes first", async () => {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  for (const input of SETS) execFileSync("nft", ["-f", "-"], { input });
  const topology = await readTopology({ engines: [] });
  const flow: Flow = {
    from: { label: "here", namespace: topology.host },
    to: { label: "here", namespace: topology.host },
    destination: parseAddress("127.0.0.1"),
    protocol: "icmp",
  };
  const prediction = predict(topology, flow);
  const proof = await prove(topology, flow, prediction);
  const there = ({ direction }: { readonly direction: string }) => direction === "there";
  const predicted = (prediction.paths[0]?.hops ?? [])
    .filter(there)
    .flatMap(({ event }) => (event.kind === "rule" ? [nameOf(event.rule)] : []));
  const seen = proof.seen.filter(there).flatMap((one) => (one.kind === "rule" ? [nameOf(one.rule)] : []));
  assert.deepEqual(predicted, seen);
  assert.deepEqual(
    seen.filter((name) => name.endsWith("one")),
    ["inet third one", "ip second one", "inet first one"],
  );
});
