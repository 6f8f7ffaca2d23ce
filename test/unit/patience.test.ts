/** Waiting for others while one is busy oneself. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { patience } from "../../src/lib/patience.ts";

function busy(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until; );
}

test("time that one was busy for is not the other's", async () => {
  const waiting = patience(200);
  busy(300);
  // Timers, what has come, this.
  await turn();
  await turn();
  assert.equal(waiting.signal.aborted, false);
  await once(waiting.signal, "abort");
});

test("whoever is answered waits no longer", async () => {
  const waiting = patience(1);
  waiting.close();
  busy(5);
  await turn();
  await turn();
  assert.equal(waiting.signal.aborted, false);
});
