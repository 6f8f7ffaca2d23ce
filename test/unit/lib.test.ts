import assert from "node:assert/strict";
import { test } from "node:test";
import { Bus } from "../../src/lib/bus.ts";
import {
  doing,
  EngineError,
  inContext,
  kindOf,
  messageOf,
  notFound,
  throwAll,
} from "../../src/lib/errors.ts";
import { formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type ContainerID, newId, shortId } from "../../src/lib/ids.ts";
import { KeyedMutex, Mutex } from "../../src/lib/mutex.ts";
import { onceSettled } from "../../src/lib/once-settled.ts";
import { UndoStack, undoing } from "../../src/lib/undo.ts";

test("a context is put before the message and keeps the kind", async () => {
  const error = inContext("attach web to net1", notFound("network net1 not found"));
  assert.equal(error.message, "attach web to net1: network net1 not found");
  assert.equal(error.kind, "not-found");
  await assert.rejects(
    doing("open", () => {
      throw new TypeError("bad");
    }),
    { message: "open: bad", kind: "internal" },
  );
  assert.equal(kindOf("a thrown string"), "internal");
});

test("several errors are told as one, one as itself, none not at all", () => {
  throwAll("tear down", []);
  assert.throws(() => throwAll("tear down", [notFound("a")]), { kind: "not-found", message: "tear down: a" });
  assert.throws(
    () => throwAll("tear down", [new Error("a"), new Error("b")]),
    (error) => messageOf(error) === "tear down: a; b",
  );
});

test("undoing runs the reverses backwards and past failures", async () => {
  const log: string[] = [];
  const work = undoing(async (undo) => {
    undo.push("one", () => void log.push("one"));
    undo.push("two", () => {
      throw new Error("stuck");
    });
    undo.push("three", async () => void log.push("three"));
    throw new EngineError("conflict", "taken");
  });
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors.map(messageOf), ["taken", "undo two: stuck"]);
    return true;
  });
  assert.deepEqual(log, ["three", "one"]);
});

test("what is kept is not undone", async () => {
  const undo = new UndoStack();
  undo.push("never", () => assert.fail("undone"));
  undo.keep();
  assert.deepEqual(await undo.unwind(), []);
});

test("a subscriber that throws does not silence the others", () => {
  const errors: unknown[] = [];
  const bus = new Bus<number>((error) => errors.push(error));
  const heard: number[] = [];
  bus.subscribe(() => {
    throw new Error("deaf");
  });
  const stop = bus.subscribe((event) => heard.push(event));
  bus.publish(1);
  stop();
  bus.publish(2);
  assert.deepEqual(heard, [1]);
  assert.equal(errors.length, 2);
});

test("a mutex lets in one at a time, in order, past failures", async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const turn = (name: string, fails = false) =>
    mutex.run(async () => {
      log.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} out`);
      if (fails) throw new Error(name);
    });
  await Promise.allSettled([turn("a"), turn("b", true), turn("c")]);
  assert.deepEqual(log, ["a in", "a out", "b in", "b out", "c in", "c out"]);
});

test("keys of a keyed mutex don't wait for each other", async () => {
  const mutexes = new KeyedMutex<string>();
  let release = () => {};
  const held = mutexes.run("a", () => new Promise<void>((resolve) => (release = resolve)));
  assert.equal(await mutexes.run("b", async () => "through"), "through");
  release();
  await held;
});

test("ids are 64 hex digits, and their short form is never a number", () => {
  for (let i = 0; i < 1000; i += 1) {
    const id = newId<ContainerID>();
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(shortId(id), /[a-f]/);
  }
});

test("times have nine digits and never stand still", () => {
  assert.equal(formatTime(1_767_323_045_000_000_006n), "2026-01-02T03:04:05.000000006Z");
  let last = 0n;
  for (let i = 0; i < 1000; i += 1) {
    const now = nowNanoseconds();
    assert.ok(now > last);
    last = now;
  }
  const drift = Number(last / 1_000_000n) - Date.now();
  assert.ok(Math.abs(drift) < 5000, `${drift} ms off the clock`);
});

test("who waits for a promise to be settled can give up, and is told once", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const told: string[] = [];
  const stop = onceSettled(promise, () => told.push("gave up"));
  onceSettled(promise, () => told.push("before"));
  stop();
  reject(new Error("it failed"));
  await assert.rejects(promise);
  onceSettled(promise, () => told.push("after"));
  await Promise.resolve();
  assert.deepEqual(told, ["before", "after"]);
});
