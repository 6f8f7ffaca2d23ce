/** Base chains of one hook and priority are asked in the kernel's order: what is predicted is what nftables traces. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { readTopology } from "../../src/observe/read.ts";
import { predict } from "../../src/trace/predict.ts";
import { prove } from "../../src/trace/prove.ts";
import { reportOf } from "../../src/trace/report/report.ts";
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

/** To the loopback, predicted and proven. */
async function traced(flow: Pick<Flow, "protocol" | "port">) {
  const topology = await readTopology({ engines: [] });
  const here = { label: "here", namespace: topology.host };
  const whole: Flow = { from: here, to: here, destination: parseAddress("127.0.0.1"), ...flow };
  const prediction = predict(topology, whole);
  return { topology, prediction, proof: await prove(topology, whole, prediction) };
}

const load = (input: string) => execFileSync("nft", ["-f", "-"], { input });

test("of equal priority the later made comes first", async () => {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  for (const input of SETS) load(input);
  const { prediction, proof } = await traced({ protocol: "icmp" });
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

test("a chain of nat that may be later than its table is tried at both places, and the proof tells which", async () => {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const server = createServer().listen(7, "127.0.0.1");
  await once(server, "listening");
  try {
    const dnat = (chain: string, to: number) =>
      `chain ${chain} { type nat hook output priority -100; tcp dport 8080 redirect to :${to}; }`;
    load(
      "table ip old { chain post { type nat hook postrouting priority 100; ip saddr 192.0.2.9 accept; }; }",
    );
    load(`table inet young { ${dnat("published", 7)}; }`);
    load(`table ip old { ${dnat("later", 9)}; }`);
    const { topology, prediction, proof } = await traced({ protocol: "tcp", port: 8080 });
    assert.deepEqual(
      prediction.paths.map(({ outcome, assumptions }) => [outcome, ...assumptions]),
      [
        ["reached", "inet young published is asked before ip old later"],
        ["dropped", "ip old later is asked before inet young published"],
      ],
    );
    assert.equal(proof.outcome, "dropped");
    const { rows } = reportOf(topology, prediction, proof);
    assert.deepEqual(
      rows.filter(({ agree }) => agree === "predicted only" || agree === "seen only"),
      [],
    );
  } finally {
    server.close();
  }
});

test("a limit that is used up is not said to have let the packet by", async () => {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  load(`table ip limited { chain in { type filter hook input priority 7;
    ip protocol icmp limit rate 1/day burst 1 packets counter
    ip protocol icmp limit rate over 1/day burst 1 packets counter; }; }`);
  const rulesOf = async () => {
    const { topology, prediction, proof } = await traced({ protocol: "icmp" });
    assert.equal(prediction.paths.length, 1);
    return reportOf(topology, prediction, proof).rows.flatMap(({ predicted, agree }) =>
      predicted?.event.kind === "rule" && predicted.event.rule.table === "limited"
        ? [[predicted.direction, predicted.event.perhaps ?? false, agree]]
        : [],
    );
  };
  const within = await rulesOf();
  assert.deepEqual(
    within.filter(([direction]) => direction === "there"),
    [
      ["there", true, "both"],
      ["there", true, "not watched"],
      ["there", false, "both"],
    ],
  );
  const over = await rulesOf();
  assert.deepEqual(
    over.filter(([direction]) => direction === "there"),
    [
      ["there", true, "not watched"],
      ["there", true, "both"],
      ["there", false, "both"],
    ],
  );
});
