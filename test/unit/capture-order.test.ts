import assert from "node:assert/strict";
import { test } from "node:test";
import { Order } from "../../src/capture/order.ts";
import { capturedAs, tappedAs } from "../support/tapped.ts";

const ms = (count: number): bigint => BigInt(count) * 1_000_000n;
const tapped = tappedAs();
const at = (count: number) => capturedAs(tapped, Uint8Array.of(count & 0xff), { at: ms(count) });
const times = (packets: readonly { readonly at: bigint }[]) => packets.map((one) => one.at / ms(1));

test("packets of several links come in order of time, once nothing can come before them", () => {
  const order = new Order();
  for (const count of [1005, 1001, 1030, 1003]) order.add(at(count));
  assert.deepEqual(times(order.ripe(ms(1024))), [1001n, 1003n]);
  order.add(at(1004));
  assert.deepEqual(times(order.ripe(ms(1031))), [1004n, 1005n]);
  assert.equal(order.empty, false);
  assert.deepEqual(times(order.rest()), [1030n]);
  assert.equal(order.empty, true);
});

test("a clock that was set back holds nothing up", () => {
  const order = new Order();
  for (const count of [100_000, 99_999]) order.add(at(count));
  assert.deepEqual(times(order.ripe(ms(5))), [99_999n, 100_000n]);
});

test("what is held is a copy: the giver's bytes are its own", () => {
  const order = new Order();
  const bytes = Uint8Array.of(1, 2, 3);
  order.add(capturedAs(tapped, bytes));
  bytes.fill(9);
  assert.deepEqual([...(order.rest()[0]?.bytes ?? [])], [1, 2, 3]);
});
