/**
 * What is predicted is what happens: random topologies, with the rules of engines and by chance, with things amiss, and packets
 * that are sent over them. More than these: `node test/support/random-topology-hunt.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isolated } from "../support/isolated.ts";
import { topologies } from "../support/random-topology.ts";
import { FIREWALLS } from "../support/random-topology-firewalls.ts";
import { type Case, retold, run } from "../support/random-topology-flows.ts";

isolated(import.meta);

/** Of each set of rules, so many topologies, with so many packets each. */
const [TOPOLOGIES, PACKETS] = [3, 9];
const SEED = 20_260;
/** The least that shows something: of all packets, and of those that end in one way or another. */
const [LEAST, LEAST_OF_EACH] = [200, 40];
/** Of a hundred, as many may be left open by a prediction. */
const MOST_UNSURE = 8;

const all: Case[] = [];

for (const firewall of FIREWALLS) {
  test(`rules of ${firewall}: prediction equals proof`, async () => {
    const property = fc.asyncProperty(topologies(PACKETS, PACKETS), async (drawn) => {
      const spec = { ...drawn, firewall };
      const cases = await run(spec);
      all.push(...cases);
      const wrong = cases.find(({ differs }) => differs.length > 0);
      assert.ok(!wrong, wrong ? retold(spec, wrong) : "");
    });
    await fc.assert(property, { seed: SEED + FIREWALLS.indexOf(firewall), numRuns: TOPOLOGIES });
  });
}

test("enough was asked, and most was decided", () => {
  const count = (holds: (one: Case) => boolean) => all.filter(holds).length;
  assert.ok(all.length >= LEAST, `${all.length} packets`);
  for (const outcome of ["reached", "dropped"] as const) {
    const such = count(({ proof }) => proof.outcome === outcome);
    assert.ok(such >= LEAST_OF_EACH, `${such} ${outcome}`);
  }
  const unsure = count(({ prediction }) => prediction.outcome === "unsure");
  assert.ok(unsure * 100 <= all.length * MOST_UNSURE, `${unsure} of ${all.length} unsure`);
});
