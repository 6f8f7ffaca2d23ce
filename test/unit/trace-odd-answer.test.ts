/** Who drops a probe and answers all the same, in another's name: the verdict is of the probe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { caseOfProof } from "../../src/trace/fixes/case.ts";
import { explain } from "../../src/trace/fixes/fixes.ts";
import type { DropReason, Flow, Proof, Seen } from "../../src/trace/types.ts";
import { DB, HOST, nftRule, sight, WEB, world } from "./trace-world.ts";

const flow: Flow = {
  from: { label: "web", namespace: WEB },
  to: { label: "db", namespace: DB },
  destination: parseAddress("10.2.0.2"),
  protocol: "icmp",
};
const there = sight("10.1.0.2:0 > 10.2.0.2:0");
const forged = sight("10.2.0.99:0 > 10.1.0.2:0");

const closing = nftRule(DB, "d", "i", 4, "drop");
const guarding = nftRule(HOST, "drawbridge-guard", "from_ip4", 28, "drop");
const drop = (namespace: typeof HOST, direction: Seen["direction"], at: bigint): Seen => ({
  at,
  namespace,
  direction,
  kind: "drop",
  reason: "NETFILTER_DROP",
  at_function: "nft_do_chain",
});
const tap = (namespace: typeof HOST, direction: Seen["direction"], at: bigint, ifindex: number): Seen => ({
  at,
  namespace,
  direction,
  kind: "tap",
  way: "in",
  link: { namespace, ifindex },
  name: "eth0",
  packet: direction === "there" ? there : forged,
});

test("what comes after the probe's end is not its end", () => {
  const seen: readonly Seen[] = [
    tap(HOST, "there", 1n, 5),
    tap(DB, "there", 2n, 2),
    {
      at: 3n,
      namespace: DB,
      direction: "there",
      kind: "rule",
      hook: "input",
      rule: closing,
      verdict: "drop",
    },
    drop(DB, "there", 4n),
    tap(HOST, "back", 5n, 6),
    {
      at: 6n,
      namespace: HOST,
      direction: "back",
      kind: "rule",
      hook: "prerouting",
      rule: guarding,
      verdict: "drop",
    },
    drop(HOST, "back", 7n),
  ];
  const reason: DropReason = { code: "rule", text: "a rule dropped it", rule: closing };
  const proof: Proof = { flow, outcome: "dropped", reason, seen, blind: [], took: 1 };
  const one = caseOfProof(world(), flow, proof, reason, undefined);
  assert.equal(one.namespace?.id, DB);
  assert.equal(one.direction, "there");
  assert.equal(one.to.namespace?.id, DB);
  assert.match(explain(one).fixes[0]?.command ?? "", /^nsenter .* nft delete rule \S+ d i handle 4$/);
});
