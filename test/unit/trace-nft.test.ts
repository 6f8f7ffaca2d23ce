/** The interpreter on programs made by hand: what no kernel here loads, and what no kernel would. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../../src/lib/ip.ts";
import type {
  NftChain,
  NftElement,
  NftExpression,
  NftSet,
  NftTable,
} from "../../src/linux/nftables/program.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import { rulesListed } from "../../src/trace/firewall/nft/listing.ts";
import { Machine, registerAt } from "../../src/trace/firewall/nft/machine.ts";
import { runChain } from "../../src/trace/firewall/nft/run.ts";
import { lookUp } from "../../src/trace/firewall/nft/sets.ts";
import type { Surroundings } from "../../src/trace/firewall/types.ts";
import { makePacket } from "../../src/trace/packet/make.ts";
import { NO_EXTENSIONS, namespaceWith, routes } from "../kernel/trace-nft-fixture.ts";

const packet = makePacket({
  source: parseAddress("10.0.0.9"),
  destination: parseAddress("10.0.0.1"),
  carries: { kind: "udp", sourcePort: 40000, destinationPort: 53 },
});
const around: Surroundings = {
  namespace: namespaceWith(EMPTY_RULESET),
  layer: "ip",
  hook: "input",
  in: 2,
  packetType: 0,
  routes,
};

const be16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
const be32 = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
/** An attribute: in this machine's order its length and type, then the value. */
const attribute = (type: number, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + Math.ceil(value.length / 4) * 4);
  new Uint16Array(bytes.buffer, 0, 2).set([4 + value.length, type]);
  bytes.set(value, 4);
  return bytes;
};
const expression = (name: string, attributes: Readonly<Record<number, Uint8Array>>): NftExpression => ({
  name,
  attributes: new Map(Object.entries(attributes).map(([type, value]) => [Number(type), value])),
});
/** `immediate` of a verdict: NFTA_DATA_VERDICT with code and chain. */
const verdict = (code: number, chain?: string): NftExpression => {
  const parts = [attribute(1, be32(code)), ...(chain ? [attribute(2, Buffer.from(`${chain}\0`))] : [])];
  return expression("immediate", { 1: be32(0), 2: attribute(2, Buffer.concat(parts)) });
};
const [JUMP, GOTO, DROP] = [-3, -4, 0];

function run(chains: Readonly<Record<string, readonly NftExpression[]>>) {
  const made = Object.entries(chains).map(([name, expressions], index): [string, NftChain] => [
    name,
    {
      name,
      handle: index + 1,
      rules: [{ handle: index + 100, expressions }],
      ...(index === 0 && {
        base: { type: "filter", hook: "input", priority: 0, policy: "accept", devices: [] },
      }),
    },
  ]);
  const table: NftTable = {
    family: "ip",
    name: "t",
    handle: 1,
    dormant: false,
    owned: false,
    chains: new Map(made),
    sets: new Map(),
  };
  const base = made[0]?.[1];
  assert.ok(base);
  return runChain(table, base, packet, around, NO_EXTENSIONS);
}

const endsOf = (outcomes: ReturnType<typeof run>) =>
  outcomes.map(({ verdict }) => (verdict.do === "elsewhere" ? verdict.how : verdict.do));

describe("what takes a packet away", () => {
  test("a queue, and one that lets pass where nobody listens", () => {
    assert.deepEqual(endsOf(run({ c: [expression("queue", { 1: be16(3) })] })), [
      "a program is asked, at queue 3",
    ]);
    const bypass = run({ c: [expression("queue", { 1: be16(3), 3: be16(1) })] });
    assert.deepEqual(endsOf(bypass), ["a program is asked, at queue 3", "accept"]);
    assert.deepEqual(bypass[1]?.assumptions, ["no program listens at queue 3 (rule 100 of ip t c)"]);
  });

  test("another link", () => {
    const index = Buffer.alloc(4);
    new Uint32Array(index.buffer, index.byteOffset, 1)[0] = 3;
    const outcomes = run({
      c: [
        expression("immediate", { 1: be32(1), 2: attribute(1, index) }),
        expression("dup", { 2: be32(1) }),
        expression("fwd", { 1: be32(1) }),
      ],
    });
    assert.deepEqual(endsOf(outcomes), ["sent out of docker0"]);
    assert.equal(outcomes[0]?.met[0]?.does, "dup, sent out of docker0");
  });
});

describe("what the kernel would not load", () => {
  test("chains that never end are left", () => {
    const outcomes = run({ c: [verdict(JUMP, "c")] });
    assert.deepEqual(endsOf(outcomes), ["accept"]);
    assert.match(outcomes[0]?.assumptions.join() ?? "", /chain c of ip t c does nothing/);
  });

  test("circles of goto as well", () => {
    const outcomes = run({ c: [verdict(GOTO, "d")], d: [verdict(GOTO, "c")] });
    assert.deepEqual(endsOf(outcomes), ["accept"]);
  });

  test("a chain that is not there, and an expression of tomorrow", () => {
    const gone = run({ c: [verdict(JUMP, "gone")] });
    assert.match(gone[0]?.assumptions.join() ?? "", /chain gone/);
    const unknown = run({ c: [expression("tomorrow", {}), verdict(DROP)] });
    assert.deepEqual(endsOf(unknown), ["drop", "accept"]);
    assert.deepEqual(
      unknown.flatMap(({ assumptions }) => assumptions),
      [
        "the expression tomorrow matches (rule 100 of ip t c)",
        "the expression tomorrow does not match (rule 100 of ip t c)",
      ],
    );
  });

  test("whatever is in a rule, nothing throws", () => {
    const names =
      "cmp range bitwise byteorder payload exthdr meta ct fib rt socket lookup dynset objref nat masq redir";
    const more = "reject queue fwd log limit quota connlimit numgen hash immediate tproxy synproxy osf";
    const attributes = fc.dictionary(
      fc.integer({ min: 1, max: 11 }).map(String),
      fc.uint8Array({ maxLength: 20 }),
    );
    const expressions = fc.array(
      fc
        .tuple(fc.constantFrom(...`${names} ${more}`.split(" ")), attributes)
        .map(([name, all]) => expression(name, all)),
      { maxLength: 6 },
    );
    fc.assert(fc.property(expressions, (all) => run({ c: all }).length > 0));
  });
});

describe("sets", () => {
  const element = (key: readonly number[], more: Partial<NftElement> = {}): NftElement => ({
    key: Uint8Array.from(key),
    end: false,
    catchall: false,
    expressions: [],
    ...more,
  });
  const set = (elements: readonly NftElement[], more: Partial<NftSet> = {}): NftSet => ({
    name: "s",
    anonymous: false,
    map: false,
    interval: true,
    concatenation: false,
    fields: [],
    dynamic: false,
    keyType: 0,
    keyLength: 1,
    elements: () => elements,
    ...more,
  });

  test("an interval that begins where another ends has its first value", () => {
    const touching = set([
      element([20]),
      element([10]),
      element([20], { end: true }),
      element([30], { end: true }),
    ]);
    const within = [9, 10, 19, 20, 29, 30].map((key) => lookUp(touching, Uint8Array.of(key)) !== undefined);
    assert.deepEqual(within, [false, true, true, true, true, false]);
  });

  test("intervals say the same as asking each", () => {
    const intervals = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }).map((edges) => {
      const sorted = edges.sort((a, b) => a - b);
      return Array.from(
        { length: sorted.length >> 1 },
        (_, at) => [sorted[2 * at] ?? 0, sorted[2 * at + 1] ?? 0] as const,
      );
    });
    fc.assert(
      fc.property(intervals, fc.integer({ min: 0, max: 255 }), (all, key) => {
        const elements = all.flatMap(([from, to]) => [element([to], { end: true }), element([from])]);
        const found = lookUp(set(elements), Uint8Array.of(key)) !== undefined;
        assert.equal(
          found,
          all.some(([from, to]) => from <= key && key < to),
        );
      }),
    );
  });

  test("the catch-all element takes what no other does", () => {
    const all = set([element([7]), element([], { catchall: true, data: Uint8Array.of(1) })], {
      interval: false,
    });
    assert.equal(lookUp(all, Uint8Array.of(7))?.catchall, false);
    assert.equal(lookUp(all, Uint8Array.of(8))?.catchall, true);
  });
});

test("both ways to number registers name the same memory", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((number) => registerAt(be32(number))),
    [-1, 0, 16, 32, 48],
  );
  assert.deepEqual(
    [8, 9, 12, 23].map((number) => registerAt(be32(number))),
    [0, 4, 16, 60],
  );
});

test("what is not known of a register is known again when it is written", () => {
  const table = { chains: new Map(), sets: new Map() } as unknown as NftTable;
  const machine = new Machine(table, around, NO_EXTENSIONS, packet);
  machine.storeUnknown(0, 16, "the time");
  const other = machine.fork();
  machine.store(4, Uint8Array.of(1));
  assert.deepEqual(
    [machine.doubt(4, 4), machine.doubt(0, 8), other.doubt(4, 4)],
    [undefined, "the time", "the time"],
  );
});

test("rules are found in what nft lists, whatever they say", () => {
  const listing = `table ip t { # handle 1
	chain c { # handle 2
		type filter hook input priority filter; policy accept;
		tcp dport { 1, 2,
			    3, 4 } accept comment "a { # handle 9" # handle 5
		ip daddr 1.1.1.1 jump {
			drop # handle 7
		} # handle 8
		log prefix "} # handle 3" # handle 10
	}
}
table inet t { # handle 2
	chain c { # handle 1
		accept # handle 5
	}
}
`;
  const tables = rulesListed(listing);
  assert.deepEqual([...(tables.get("inet t") ?? [])], [[5, "accept"]]);
  assert.deepEqual(
    [...(tables.get("ip t") ?? [])],
    [
      [5, 'tcp dport { 1, 2, 3, 4 } accept comment "a { # handle 9"'],
      [7, "drop"],
      [8, "ip daddr 1.1.1.1 jump { drop }"],
      [10, 'log prefix "} # handle 3"'],
    ],
  );
});
