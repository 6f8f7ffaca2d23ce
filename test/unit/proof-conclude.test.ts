/** What is concluded from what was seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { NamespaceId, Topology } from "../../src/observe/types.ts";
import { type Answer, conclude } from "../../src/trace/prove/conclude.ts";
import { wordsOfError } from "../../src/trace/prove/reasons.ts";
import type { DropReason, Seen, Sight } from "../../src/trace/types.ts";

const HERE = 1 as NamespaceId;
const THERE = 2 as NamespaceId;
const address = parseAddress("10.0.0.3");
const packet: Sight = { family: 4, protocol: 17, source: address, destination: address, ttl: 64, mark: 0 };

const tap = (namespace: NamespaceId, way: "in" | "out", direction: Seen["direction"] = "there"): Seen => ({
  kind: "tap",
  at: 1n,
  namespace,
  direction,
  link: { namespace, ifindex: 2 },
  name: "e0",
  way,
  packet,
});
const drop = (
  reason: string,
  namespace: NamespaceId,
  direction: Seen["direction"] = "there",
  at_function = "somewhere",
): Seen => ({
  kind: "drop",
  at: 2n,
  namespace,
  direction,
  reason,
  at_function,
});
const rule = (verdict: string, namespace: NamespaceId, handle: number): Seen => ({
  kind: "rule",
  at: 1n,
  namespace,
  direction: "there",
  hook: "forward",
  rule: { in: "nft", namespace, family: "inet", table: "f", chain: "c", handle },
  verdict,
});

interface Case {
  readonly seen: readonly Seen[];
  readonly answer?: Answer;
  readonly needsNoAnswer?: boolean;
  readonly unanswered?: readonly string[];
  readonly predicted?: readonly DropReason[];
  /** The only link that leads out of both. */
  readonly link?: object;
}

function outcomeOf({
  seen,
  answer,
  needsNoAnswer = false,
  unanswered = [],
  predicted = [],
  link = { other: { namespace: HERE } },
}: Case) {
  const place = { links: [{ ifindex: 2, ...link }] };
  const topology = {
    namespaces: new Map([
      [HERE, place],
      [THERE, place],
    ]),
  } as unknown as Topology;
  const watch = { answer, destination: THERE, needsNoAnswer, unanswered: () => unanswered };
  const { outcome, reason } = conclude({ topology, seen, watch, predicted });
  return reason ? `${outcome}: ${reason.code}` : outcome;
}

const refused: Answer = { what: "refused", text: "RST" };
const expired: Answer = { what: "error", text: "ICMP type 11", words: wordsOfError(4, 11, 0) };

const CASES: Readonly<Record<string, readonly [Case, string]>> = {
  "an answer, whatever became of flooded copies": [
    { seen: [tap(HERE, "out"), drop("OTHERHOST", THERE)], answer: { what: "reached", text: "echo reply" } },
    "reached",
  ],
  "a rule that dropped it": [
    {
      seen: [
        tap(HERE, "out"),
        rule("accept", HERE, 1),
        rule("drop", THERE, 2),
        drop("NETFILTER_DROP", THERE),
      ],
    },
    "dropped: rule",
  ],
  "a rule that dropped it, where drops are not seen": [
    { seen: [tap(HERE, "out"), rule("policy drop", THERE, 2)] },
    "dropped: rule",
  ],
  "a closed port": [
    { seen: [tap(THERE, "in"), drop("NO_SOCKET", THERE)], answer: refused },
    "dropped: closed",
  ],
  "a refusal from elsewhere": [{ seen: [tap(HERE, "out")], answer: refused }, "dropped: closed"],
  "a router's word over its kernel's": [
    { seen: [tap(THERE, "in"), drop("IP_INHDR", THERE)], answer: expired },
    "dropped: ttl",
  ],
  "an answer that is lost": [
    { seen: [tap(THERE, "in"), drop("NETFILTER_DROP", THERE, "back")] },
    "dropped: reply-lost",
  ],
  "a datagram that arrives": [{ seen: [tap(THERE, "in")], needsNoAnswer: true }, "delivered"],
  "a datagram that does not": [{ seen: [tap(HERE, "out")], needsNoAnswer: true }, "silent"],
  "a neighbour that nobody is": [{ seen: [], unanswered: ["10.0.0.3"] }, "dropped: no-neighbour"],
  "a frame for somebody else": [{ seen: [tap(THERE, "in"), drop("OTHERHOST", THERE)] }, "dropped: wrong-mac"],
  "what leaves the machine": [{ seen: [tap(HERE, "out")], link: {} }, "leaves"],
  "no reason, but a place where it was expected": [
    {
      seen: [drop("NOT_SPECIFIED", THERE, "there", "br_forward.part.0")],
      predicted: [{ code: "port-state", text: "the port is blocked" }],
    },
    "dropped: port-state",
  ],
  "no reason, and a place": [
    { seen: [drop("NOT_SPECIFIED", THERE, "there", "br_flood")], predicted: [{ code: "ttl", text: "" }] },
    "dropped: isolated-port",
  ],
  "a reason that has no word here": [{ seen: [drop("XDP", THERE)] }, "dropped: kernel"],
};

for (const [name, [given, expected]] of Object.entries(CASES)) {
  test(name, () => assert.equal(outcomeOf(given), expected));
}

test("the rule is that of the namespace where it was dropped", () => {
  const seen = [rule("drop", THERE, 7), rule("drop", HERE, 8), drop("NETFILTER_DROP", THERE)];
  const topology = { namespaces: new Map() } as unknown as Topology;
  const watch = { answer: undefined, destination: THERE, needsNoAnswer: false, unanswered: () => [] };
  const { reason } = conclude({ topology, seen, watch, predicted: [] });
  assert.equal(reason?.rule?.in === "nft" && reason.rule.handle, 7);
  assert.deepEqual(reason?.kernel, { reason: "NETFILTER_DROP", at: "somewhere" });
});
