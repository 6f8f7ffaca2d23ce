/** How often rules were met, by the kernel and by the interpreter: what a random rule set is judged by. */
import assert from "node:assert/strict";
import type { NftRule, NftRuleset } from "../../src/linux/nftables/program.ts";
import { readBe64 } from "../../src/linux/nftables/read-numbers.ts";
import type { Outcome } from "../../src/trace/firewall/types.ts";
import type { Firewall } from "./trace-nft-fixture.ts";

/** By `table chain handle`. */
export type Counts = ReadonlyMap<string, number>;

const nameOf = (table: string, chain: string, handle: number): string => `${table} ${chain} ${handle}`;

/** Of each way, which must be the only one of its packet: the rules that were met. */
export function metIn(ways: readonly (readonly Outcome[])[]): Counts {
  const found = new Map<string, number>();
  for (const outcomes of ways) {
    assert.equal(outcomes.length, 1, "the way of a packet forked");
    for (const { rule } of outcomes[0]?.met ?? []) {
      if (rule.in !== "nft" || rule.handle === undefined) continue;
      const name = nameOf(rule.table, rule.chain, rule.handle);
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  return found;
}

/** Of each rule that counts, what it counted. */
function counted({ tables }: NftRuleset): Counts {
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

const differences = (met: Counts, counts: Counts): string[] =>
  [...counts]
    .filter(([rule, count]) => (met.get(rule) ?? 0) !== count)
    .map(([rule, count]) => `${rule}: met ${met.get(rule) ?? 0}, counted ${count}`);

const LOOKS = 15;
const clock = new Int32Array(new SharedArrayBuffer(4));

/**
 * That both agree on every rule. A packet on loopback may still be in the kernel's queue.
 * @returns how many rules count, and how often they were met
 */
export function assertSame(met: Counts, firewall: Firewall): { rules: number; met: number } {
  let counts = counted(firewall.read());
  for (let look = 0; look < LOOKS && differences(met, counts).length > 0; look += 1) {
    Atomics.wait(clock, 0, 0, 2);
    counts = counted(firewall.read());
  }
  assert.deepEqual(differences(met, counts), []);
  return { rules: counts.size, met: [...met.values()].reduce((sum, count) => sum + count, 0) };
}
