/** Prediction and proof side by side, and as text: `UPDATE_GOLDEN=1` writes the texts anew. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { parseAddress, parseMac } from "../../src/lib/ip.ts";
import { renderReport } from "../../src/trace/render/report.ts";
import { PLAIN, type Style, wrap } from "../../src/trace/render/style.ts";
import { align } from "../../src/trace/report/align.ts";
import { reportToJson } from "../../src/trace/report/json.ts";
import { reportOf } from "../../src/trace/report/report.ts";
import { withRuleTexts } from "../../src/trace/report/rules.ts";
import type { DropReason, Flow, Hop, Path, Prediction, Proof, Seen } from "../../src/trace/types.ts";
import { DB, HOST, network, nftRule, on, sight, tapHop, tapSeen, WEB, world } from "./trace-world.ts";

const GOLDEN = join(import.meta.dirname, "trace-report.golden");

function matches(name: string, text: string): void {
  const path = join(GOLDEN, name);
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
}

const flow: Flow = {
  from: { label: "web", namespace: WEB },
  to: { label: "db", namespace: DB },
  destination: parseAddress("10.2.0.2"),
  protocol: "tcp",
  port: 5432,
};
const there = sight("10.1.0.2:40000 > 10.2.0.2:5432");
const back = sight("10.2.0.2:5432 > 10.1.0.2:40000");
const inbound = nftRule(HOST, "drawbridge", "inbound", 61, "drop # handle 61");
const dropped: DropReason = { code: "rule", text: "a rule drops it", rule: inbound };

const start: readonly Hop[] = [
  {
    namespace: WEB,
    event: { kind: "route", table: 254, text: "default via 10.1.0.1 dev eth0" },
    packet: there,
    direction: "there",
  },
  {
    namespace: WEB,
    event: {
      kind: "neighbour",
      address: parseAddress("10.1.0.1"),
      mac: parseMac("02:42:0a:01:00:01"),
      how: "known",
    },
    packet: there,
    direction: "there",
  },
  tapHop("out", WEB, 2, "eth0", there),
  tapHop("in", HOST, 5, "veth-web", there),
  {
    namespace: HOST,
    event: { kind: "bridge", bridge: "br-net-a", to: "br-net-a", how: "local" },
    packet: there,
    direction: "there",
  },
  tapHop("in", HOST, 3, "br-net-a", there),
];

const end: readonly Hop[] = [
  {
    namespace: HOST,
    event: { kind: "rule", hook: "forward", rule: inbound, does: "drop" },
    packet: there,
    direction: "there",
  },
  { namespace: HOST, event: { kind: "drop", reason: dropped }, packet: there, direction: "there" },
];

const rest: readonly Hop[] = [
  tapHop("out", HOST, 4, "br-net-b", there),
  tapHop("out", HOST, 6, "veth-db", there),
  tapHop("in", DB, 2, "eth0", there),
  { namespace: DB, event: { kind: "local", to: "postgres, at *:5432" }, packet: there, direction: "there" },
  tapHop("out", DB, 2, "eth0", back, "back"),
  tapHop("in", HOST, 6, "veth-db", back, "back"),
  tapHop("out", HOST, 5, "veth-web", back, "back"),
  tapHop("in", WEB, 2, "eth0", back, "back"),
  { namespace: WEB, event: { kind: "local", to: "the probe" }, packet: back, direction: "back" },
];

const path = (outcome: Path["outcome"], hops: readonly Hop[], more: Partial<Path> = {}): Path => ({
  outcome,
  hops,
  assumptions: [],
  ...more,
});
const prediction = (outcome: Prediction["outcome"], ...paths: readonly Path[]): Prediction => ({
  flow,
  paths,
  outcome,
  unsure: [],
});
const proof = (outcome: Proof["outcome"], seen: readonly Seen[], more: Partial<Proof> = {}): Proof => ({
  flow,
  seen,
  outcome,
  blind: [],
  took: 3.2,
  ...more,
});

const reaches = prediction("reached", path("reached", [...start, ...rest]));
const drops = prediction("dropped", path("dropped", [...start, ...end], { reason: dropped }));

/** What taps and traces tell of the hops, a microsecond after each other. */
const seenOf = (hops: readonly Hop[]): Seen[] =>
  hops.flatMap(({ event, namespace, packet, direction }, i): Seen[] => {
    const at = BigInt(1_000_000 + i * 1_500);
    if (event.kind === "in" || event.kind === "out") {
      const { ifindex } = event.link;
      return [tapSeen(event.kind, namespace, ifindex, event.name, packet, Number(at), direction)];
    }
    if (event.kind === "rule")
      return [
        { kind: "rule", at, namespace, direction, hook: event.hook, rule: event.rule, verdict: event.does },
      ];
    if (event.kind === "drop")
      return [
        { kind: "drop", at, namespace, direction, reason: "NETFILTER_DROP", at_function: "nft_do_chain" },
      ];
    return event.kind === "local" && direction === "back"
      ? [{ kind: "answer", at, namespace, direction, what: "SYN-ACK" }]
      : [];
  });

const agreements = (...args: Parameters<typeof reportOf>) => reportOf(...args).rows.map(({ agree }) => agree);
const count = (all: readonly string[], one: string) => all.filter((each) => each === one).length;

describe("alignment", () => {
  test("pairs what was seen with what was predicted", () => {
    const all = agreements(world(), reaches, proof("reached", seenOf([...start, ...rest])));
    // Route, neighbour, bridge and the taking of it leave nothing to be seen.
    assert.deepEqual([count(all, "both"), count(all, "not watched"), all.length], [11, 4, 15]);
  });

  test("tells what was predicted and not seen, and the other way round", () => {
    const all = agreements(world(), reaches, proof("dropped", seenOf([...start, ...end])));
    assert.deepEqual([count(all, "both"), count(all, "predicted only"), count(all, "seen only")], [3, 8, 2]);
  });

  test("another address at a tap is no agreement", () => {
    const seen = [tapSeen("out", WEB, 2, "eth0", sight("10.1.0.2:40000 > 10.9.0.9:5432"), 1)];
    const pairs = align([tapHop("out", WEB, 2, "eth0", there)], proof("silent", seen));
    assert.equal(pairs.length, 2);
  });

  test("another source port is the prober's own choice", () => {
    const seen = [tapSeen("out", WEB, 2, "eth0", sight("10.1.0.2:55555 > 10.2.0.2:5432"), 1)];
    assert.equal(align([tapHop("out", WEB, 2, "eth0", there)], proof("silent", seen)).length, 1);
  });

  test("time stamps that cross lose no pair", () => {
    const hops = [...start, ...rest];
    const seen = seenOf(hops);
    const [first, second, ...others] = seen;
    assert.ok(first && second);
    const all = agreements(world(), reaches, proof("reached", [second, first, ...others]));
    assert.deepEqual([count(all, "both"), count(all, "seen only")], [11, 0]);
  });

  test("whom nobody watched is not said to be missing", () => {
    const taps = seenOf([...start, ...end]).filter(({ kind }) => kind === "tap");
    const blind = agreements(world(), drops, proof("silent", taps, { blind: ["no nftrace"] }));
    assert.equal(count(blind, "predicted only"), 0);
    assert.equal(count(agreements(world(), drops, proof("silent", taps)), "predicted only"), 2);
  });

  test("of several ways the one that was seen is shown", () => {
    const either = prediction(
      "unsure",
      path("dropped", [...start, ...end], {
        reason: dropped,
        assumptions: ["the limit of rule 7 is used up"],
      }),
      path("reached", [...start, ...rest], { assumptions: ["the limit of rule 7 is not used up"] }),
    );
    const all = agreements(world(), either, proof("reached", seenOf([...start, ...rest])));
    assert.equal(count(all, "predicted only"), 0);
  });

  test("latency is the time since the line before that was seen", () => {
    const { rows } = reportOf(world(), reaches, proof("reached", seenOf([...start, ...rest])));
    const taps = rows.filter(({ seen }) => seen).map(({ latency }) => latency);
    assert.deepEqual(taps.slice(0, 4), [undefined, 1.5, 3, 1.5]);
  });
});

describe("a verdict", () => {
  const of = (...args: Parameters<typeof reportOf>) => reportOf(...args).verdict;

  test("of what arrived", () => {
    assert.match(
      of(world(), reaches).sentence,
      /^reached: web reaches db at 10\.2\.0\.2 port 5432\/tcp, as predicted; it was not tried$/,
    );
    const seen = of(world(), reaches, proof("reached", seenOf([...start, ...rest])));
    assert.deepEqual([seen.outcome, seen.fixes], ["reached", []]);
    assert.match(seen.sentence, /answered by SYN-ACK in 0\.0\d ms$/);
  });

  test("of a container that is paused: its kernel answers for programs that do not", () => {
    const { outcome, sentence, fixes } = of(world({ db: { state: "paused" } }), reaches);
    assert.equal(outcome, "reached");
    assert.match(sentence, /; but db is paused: the kernel answers for it, its programs do not$/);
    assert.deepEqual(
      fixes.map(({ command }) => command),
      ["drawbridge unpause db"],
    );
  });

  test("of what was dropped: where, at what, why, and what would change it", () => {
    const expected =
      "dropped in namespace host at bridge isolation: net-a may not reach net-b (rule inet drawbridge inbound handle 61: drop); to allow it: drawbridge network connect net-b web";
    assert.equal(of(world(), drops).sentence, expected);
    assert.equal(
      of(world(), drops, proof("dropped", seenOf([...start, ...end]), { reason: dropped })).sentence,
      expected,
    );
  });

  test("believes the proof, and says so", () => {
    const verdict = of(world(), drops, proof("reached", seenOf([...start, ...rest])));
    assert.equal(verdict.outcome, "reached");
    assert.match(verdict.sentence, /; the prediction was another: that it is dropped$/);
    const other = of(world(), reaches, proof("dropped", seenOf([...start, ...end]), { reason: dropped }));
    assert.equal(other.outcome, "not reached");
    assert.match(other.sentence, /; the prediction was another: that it is reached$/);
  });

  test("of silence: where it was last seen", () => {
    const verdict = of(world(), reaches, proof("silent", seenOf(start), { took: 1000 }));
    assert.equal(verdict.outcome, "not reached");
    assert.match(verdict.sentence, /no answer came; it was last seen after it came in by br-net-a of host/);
  });

  test("of a probe that could not be sent is the prediction's", () => {
    const unsent = proof("silent", [], { blind: ["no probe was sent: EPERM"], took: 0 });
    assert.deepEqual(of(world(), reaches, unsent), of(world(), reaches));
    assert.deepEqual(of(world(), drops, unsent), of(world(), drops));
  });

  test("of what leaves, and of what can't be decided, is unsure", () => {
    const leaving = prediction("leaves", path("leaves", [tapHop("out", HOST, 2, "eth0", there)]));
    assert.match(of(world(), leaving).sentence, /^unsure: it leaves this machine by eth0 of host,/);
    assert.equal(
      of(world(), leaving, proof("leaves", seenOf(leaving.paths[0]?.hops ?? []))).outcome,
      "unsure",
    );
    const either = prediction(
      "unsure",
      path("reached", [...start, ...rest], { assumptions: ["the limit is not used up"] }),
      path("dropped", [...start, ...end], { reason: dropped, assumptions: ["the limit is used up"] }),
    );
    const { outcome, sentence } = of(world(), either);
    assert.equal(outcome, "unsure");
    assert.match(
      sentence,
      /^unsure: it is reached, if the limit is not used up; or dropped in .*, if the limit is used up$/,
    );
  });
});

describe("as text", () => {
  const ascii: Style = { colour: false, unicode: false, width: 80 };
  const colours: Style = { colour: true, unicode: true, width: 120 };
  const published = world({
    db: {
      endpoints: [on("net-b", "10.2.0.2/24")],
      ports: [{ protocol: "tcp", containerPort: 5432, host: { port: 15432 } }],
    },
    networks: [network("net-a", "10.1.0.0/24"), network("net-b", "10.2.0.0/24")],
  });

  test("a packet that arrives", () => {
    matches(
      "reached.txt",
      renderReport(world(), reportOf(world(), reaches, proof("reached", seenOf([...start, ...rest]))), PLAIN),
    );
  });

  test("a drop that was predicted", () => {
    matches("predicted.txt", renderReport(published, reportOf(published, drops), PLAIN));
  });

  test("a drop that nobody predicted, in ASCII and 80 columns", () => {
    const report = reportOf(
      world(),
      { ...reaches, unsure: ["a program is attached to eth0 (XDP)"] },
      proof("dropped", seenOf([...start, ...end]), {
        reason: dropped,
        blind: ["no BPF: why the kernel drops is not told"],
      }),
    );
    const text = renderReport(world(), report, ascii);
    assert.match(text, /^[\n -~]*$/);
    const long = text.split("\n").filter((line) => line.length > 80);
    assert.deepEqual(long, []);
    matches("disagreement.txt", text);
  });

  test("colours change nothing but colours", () => {
    const report = reportOf(
      world(),
      drops,
      proof("dropped", seenOf([...start, ...end]), { reason: dropped }),
    );
    const text = renderReport(world(), report, colours);
    assert.ok(text.includes("\u001b["));
    assert.equal(
      stripVTControlCharacters(text),
      renderReport(world(), report, { ...colours, colour: false }),
    );
  });

  test("names of others do not move the cursor", () => {
    const evil = { ...reaches, flow: { ...flow, from: { label: "\u001b[2Jweb\u0007" } } };
    assert.doesNotMatch(renderReport(world(), reportOf(world(), evil), PLAIN), /(?!\n)\p{Cc}/u);
  });

  test("lines are broken at spaces, and within words that are too long", () => {
    assert.deepEqual(wrap("aa bb cc", 5), ["aa bb", "cc"]);
    assert.deepEqual(wrap("aaaaaaa b", 3), ["aaa", "aaa", "a b"]);
    assert.deepEqual(wrap("", 3), [""]);
  });
});

describe("as JSON", () => {
  test("says all of it", () => {
    const report = reportOf(
      world(),
      drops,
      proof("dropped", seenOf([...start, ...end]), { reason: dropped }),
    );
    matches("dropped.json", `${JSON.stringify(reportToJson(world(), report), null, 2)}\n`);
  });
});

describe("texts of rules", () => {
  test("are asked for once each, and put wherever the rule is told of", () => {
    const bare = nftRule(HOST, "drawbridge", "inbound", 61);
    const reason: DropReason = { code: "rule", text: "", rule: bare };
    const hops: readonly Hop[] = [
      {
        namespace: HOST,
        event: { kind: "rule", hook: "forward", rule: bare, does: "drop" },
        packet: there,
        direction: "there",
      },
      { namespace: HOST, event: { kind: "drop", reason }, packet: there, direction: "there" },
    ];
    const seen = seenOf(hops);
    let asked = 0;
    const told = withRuleTexts(
      prediction("dropped", path("dropped", hops, { reason })),
      proof("dropped", seen, { reason }),
      (rules) => {
        asked += rules.length;
        return rules.map((rule) => ({ ...rule, text: "iifname eth9 drop" }));
      },
    );
    assert.equal(asked, 1);
    const mentions = JSON.stringify(told, (_, part) => (typeof part === "bigint" ? 0 : part)).match(
      /iifname eth9 drop/g,
    );
    assert.equal(mentions?.length, 5); // two hops, the path's reason, what was seen, the proof's reason
  });
});
