/**
 * The interpreter against the kernel: random rule sets, random packets that are really sent, and the counter of each rule
 * compared with how often the interpreter says that it was met.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { Mac } from "../../src/lib/ip.ts";
import type { NftRule, NftRuleset } from "../../src/linux/nftables/program.ts";
import { readBe64 } from "../../src/linux/nftables/read-numbers.ts";
import { openPacketSocket } from "../../src/linux/packet-socket.ts";
import { makePacket } from "../../src/trace/packet/make.ts";
import { icmpOf, tcpFlagsOf } from "../../src/trace/packet/packet.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { isolated } from "../support/isolated.ts";
import { ask, Firewall, LINKS } from "./trace-nft-fixture.ts";
import { packets, rulesets } from "./trace-nft-random.ts";

isolated(import.meta);

const firewall = new Firewall();
const wire = openPacketSocket({ ifindex: LINKS.lo, protocol: 0 });
after(() => {
  firewall.close();
  wire.close();
});

const NO_MAC = "00:00:00:00:00:00" as Mac;

test("each rule is met as often as the kernel counts", () => {
  let met = 0;
  let rules = 0;
  fc.assert(
    fc.property(rulesets, fc.array(packets, { minLength: 12, maxLength: 20 }), (text, specs) => {
      const ruleset = firewall.load(text);
      const sent = specs.map((spec) =>
        makePacket({ ...spec, ethernet: { source: NO_MAC, destination: NO_MAC } }),
      );
      for (const { bytes } of sent) wire.send(bytes, LINKS.lo);
      const counted = countersOf(firewall.read());
      const predicted = predictedOf(ruleset, sent);
      rules += counted.size;
      met += [...predicted.values()].reduce((sum, count) => sum + count, 0);
      const wrong = [...counted].filter(([rule, count]) => (predicted.get(rule) ?? 0) !== count);
      const told = wrong.map(([rule, count]) => `${rule}: met ${predicted.get(rule) ?? 0}, counted ${count}`);
      assert.deepEqual(told, []);
    }),
    { numRuns: 120 },
  );
  // Rules that nothing meets would show nothing.
  assert.ok(met > rules, `${met} matches in ${rules} rules`);
});

/** Met by the interpreter: every chain here is certain. */
function predictedOf(ruleset: NftRuleset, sent: readonly Packet[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const packet of sent) {
    const asked = { hook: "prerouting", around: { in: LINKS.lo }, tracked: begins(packet) } as const;
    const outcomes = ask(ruleset, packet, asked);
    assert.equal(outcomes.length, 1);
    for (const { rule } of outcomes[0]?.met ?? []) {
      if (rule.in !== "nft" || rule.handle === undefined) continue;
      const name = nameOf(rule.table, rule.chain, rule.handle);
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  return found;
}

/** What no connection begins with, to tracking: it is invalid. */
function begins(packet: Packet): boolean {
  const flags = tcpFlagsOf(packet);
  if (flags !== undefined) return flags === SYN || flags === ACK;
  const type = icmpOf(packet)?.type;
  return type !== ECHO_REPLY && type !== ECHO_REPLY_6;
}
const [SYN, ACK] = [2, 16];
const [ECHO_REPLY, ECHO_REPLY_6] = [0, 129];

const nameOf = (table: string, chain: string, handle: number): string => `${table} ${chain} ${handle}`;

/** Of each rule that counts, what it counted. */
function countersOf({ tables }: NftRuleset): Map<string, number> {
  const chains = tables.flatMap((table) => [...table.chains.values()].map((chain) => ({ table, chain })));
  return new Map(
    chains.flatMap(({ table, chain }) =>
      chain.rules.flatMap((rule): [string, number][] => {
        const count = counterOf(rule);
        return count === undefined ? [] : [[nameOf(table.name, chain.name, rule.handle), count]];
      }),
    ),
  );
}

/** `enum nft_counter_attributes { …, NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS }` */
function counterOf({ expressions }: NftRule): number | undefined {
  const counter = expressions.find(({ name }) => name === "counter");
  return counter && Number(readBe64(counter.attributes.get(2)) ?? 0n);
}
