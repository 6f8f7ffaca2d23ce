/** Every call of a change made to fail in turn, and what must be so afterwards. */
import assert from "node:assert/strict";
import { messageOf } from "../../src/lib/errors.ts";
import { assertSameWorld, type EngineHere } from "./engine-here.ts";
import { INJECTED } from "./faults.ts";

/** What is done, and how it is taken back. */
export interface Change {
  readonly up: () => Promise<unknown>;
  readonly down: () => Promise<unknown>;
  /** Sets back what neither of them takes back. */
  readonly prepare?: () => Promise<unknown>;
  /** It is another world after each `prepare`. */
  readonly anew?: boolean;
  /** Calls of which a failure is told to the log alone. */
  readonly tolerates?: RegExp;
  /** Some of the calls that must be made to fail, each once. */
  readonly calls: readonly RegExp[];
  /** Those that are; all unless told. */
  readonly among?: RegExp;
}

/** What comes up, comes up whole or not at all; and then it does, and goes again. */
export async function comesUpWhole(here: EngineHere, change: Change): Promise<void> {
  const { prepare, anew, up, down, tolerates = /^$/ } = change;
  await prepare?.();
  const points = await pointsOf(here, change, up, down);
  await prepare?.();
  let clean = await here.world();
  for (const point of points) {
    await prepare?.();
    if (anew) clean = await here.world();
    const { met, error } = await here.faults.during(point, up);
    assert.ok(met, `${point} is called each time`);
    if (error === undefined) assert.match(point, tolerates, `${point} failed, and nobody was told`);
    else {
      assert.match(messageOf(error), INJECTED, point);
      assertSameWorld(await here.world(), clean, point);
      await doing(`once more after ${point}`, up);
    }
    await doing(`the end after ${point}`, down);
  }
  await prepare?.();
  if (!anew) assertSameWorld(await here.world(), clean, "at the end");
}

/** What goes down goes past failures, and what was left goes with the next attempt. */
export async function goesDownAtLast(
  here: EngineHere,
  change: Change & { readonly again?: () => Promise<unknown> },
): Promise<void> {
  const { prepare, up, down, again, tolerates = /^$/ } = change;
  await prepare?.();
  const points = await pointsOf(here, change, down, async () => {}, up);
  await prepare?.();
  const clean = await here.world();
  for (const point of points) {
    await prepare?.();
    await doing(`up before ${point}`, () => here.faults.heard(up));
    const { met, error } = await here.faults.during(point, down);
    assert.ok(met, `${point} is called each time`);
    if (error === undefined) assert.match(point, tolerates, `${point} failed, and nobody was told`);
    else {
      assert.match(messageOf(error), INJECTED, point);
    }
    // Where nobody was told, a later start meets it.
    if (error !== undefined || again) await doing(`once more after ${point}`, again ?? down);
    await prepare?.();
    assertSameWorld(await here.world(), clean, point);
  }
}

/** What `work` calls when nothing fails. */
async function pointsOf(
  here: EngineHere,
  { calls, among = /./ }: Change,
  work: () => Promise<unknown>,
  after: () => Promise<unknown>,
  before: () => Promise<unknown> = async () => {},
): Promise<ReadonlySet<string>> {
  await here.faults.heard(before);
  const { points, error } = await here.faults.during(undefined, work);
  if (error !== undefined) throw error;
  await after();
  for (const call of calls)
    assert.ok(
      points.some((point) => call.test(point)),
      `${call}: ${points.join(", ")}`,
    );
  return new Set(points.filter((point) => among.test(point)));
}

async function doing(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    throw new Error(`${what}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
