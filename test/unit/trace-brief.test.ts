/** Of a table's lines, those that a person needs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { type Brief, briefly } from "../../src/trace/render/brief.ts";
import type { Event, Row, RuleRef } from "../../src/trace/types.ts";
import { HOST, nftRule, sight, tapHop, WEB } from "./trace-world.ts";

const packet = sight("10.1.0.2:40000 > 10.2.0.2:80");
const row = (event: Event, agree: Row["agree"] = "both", direction: "there" | "back" = "there"): Row => ({
  predicted: { namespace: HOST, event, packet, direction },
  agree,
});
const rule = (chain: string, handle: number, does: string, hook = "forward"): Event => ({
  kind: "rule",
  hook,
  rule: nftRule(HOST, "filter", chain, handle, does),
  does,
});
const tap: Row = { predicted: tapHop("in", WEB, 2, "eth0", packet), agree: "both" };

/** `forward FORWARD > DOCKER accept`, or the kind of what is no rule's. */
const told = ({ row: { predicted, seen }, by }: Brief): string =>
  by ? `${by.hook} ${by.rule.chain} ${by.does}` : (predicted?.event.kind ?? seen?.kind ?? "");

test("a rule that decides is told with the chains that led to it, those that led nowhere are not", () => {
  const rows = [
    tap,
    row(rule("FORWARD", 1, "jump DOCKER-USER")),
    row(rule("DOCKER-USER", 2, "return")),
    row(rule("FORWARD", 3, "jump STAGE-1")),
    row(rule("STAGE-1", 4, "goto STAGE-2")),
    row(rule("STAGE-2", 5, "set mark 0x1")),
    row(rule("STAGE-2", 6, "accept")),
    row({
      kind: "rule",
      hook: "postrouting",
      rule: nftRule(HOST, "nat", "POSTROUTING"),
      does: "policy accept",
    }),
  ];
  assert.deepEqual(briefly(rows).map(told), [
    "in",
    "forward FORWARD > STAGE-1 > STAGE-2 set mark 0x1",
    "forward FORWARD > STAGE-1 > STAGE-2 accept",
  ]);
});

test("a translation and a drop stand for their rules, and are seen where those were", () => {
  const dnat = rule("DOCKER", 7, "dnat to 10.2.0.2:80", "prerouting");
  const drop = rule("FORWARD", 8, "policy drop");
  const ref = (event: Event): RuleRef => {
    assert.ok(event.kind === "rule");
    return event.rule;
  };
  const rows = [
    row(rule("PREROUTING", 6, "jump DOCKER", "prerouting")),
    row(dnat),
    row(
      { kind: "translate", what: "destination", before: packet, after: packet, rule: ref(dnat) },
      "not watched",
    ),
    row(drop),
    row({ kind: "drop", reason: { code: "rule", text: "", rule: ref(drop) } }),
  ];
  const brief = briefly(rows);
  assert.deepEqual(brief.map(told), [
    "prerouting PREROUTING > DOCKER dnat to 10.2.0.2:80",
    "forward FORWARD policy drop",
  ]);
  assert.deepEqual(
    brief.map((one) => [one.row.predicted?.event.kind, one.row.agree]),
    [
      ["translate", "both"],
      ["drop", "both"],
    ],
  );
});

test("what each step came of is left out, unless it went wrong", () => {
  const neighbour = { kind: "neighbour", address: parseAddress("10.2.0.2") } as const;
  const route = (text: string): Event => ({ kind: "route", table: 254, text });
  const quiet: readonly Row[] = [
    row({ kind: "connection", state: "new" }, "not watched"),
    row({ ...neighbour, how: "asked" }, "not watched"),
    row({ ...neighbour, how: "unanswered" }, "not watched"),
    row({ kind: "bridge", bridge: "docker0", to: "veth1", how: "entry" }, "not watched"),
    row(route("local 10.2.0.2 dev eth0"), "not watched"),
    row(route("default via 10.1.0.1 dev eth0"), "not watched", "back"),
    row(rule("FORWARD", 1, "jump DOCKER-USER")),
  ];
  assert.deepEqual(briefly(quiet), []);
  const needed: readonly Row[] = [
    row({ kind: "connection", state: "invalid" }, "not watched"),
    row({ kind: "bridge", bridge: "docker0", to: "veth1", how: "flood" }, "not watched"),
    row(route("default via 10.1.0.1 dev eth0"), "not watched"),
    row(rule("FORWARD", 1, "jump DOCKER-USER"), "predicted only"),
  ];
  assert.equal(briefly(needed).length, needed.length);
});
