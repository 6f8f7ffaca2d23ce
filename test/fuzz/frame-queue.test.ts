import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import type { OutputFrame } from "../../src/container/process/monitor-types.ts";
import { FrameQueue } from "../../src/container/streams/spill.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-spill-"));
after(() => rmSync(directory, { recursive: true }));

const frame: fc.Arbitrary<OutputFrame> = fc.record({
  stream: fc.constantFrom("stdout", "stderr"),
  data: fc.uint8Array({ minLength: 1, maxLength: 20 }),
});

/** A frame to push, or nothing: then one is taken. */
const steps = fc.array(fc.option(frame), { maxLength: 200 });

const plain = (each: OutputFrame | undefined) => each && { stream: each.stream, data: [...each.data] };

test("a queue gives back what was put in, in order, however much of it was in files", () => {
  fc.assert(
    fc.property(steps, fc.nat(60), (todo, memory) => {
      const queue = new FrameQueue(memory, directory);
      const model: OutputFrame[] = [];
      for (const step of todo) {
        if (step) {
          queue.push(step);
          model.push(step);
        } else {
          assert.deepEqual(plain(queue.shift()), plain(model.shift()));
        }
        assert.equal(
          queue.waiting,
          model.reduce((sum, { data }) => sum + data.length, 0),
        );
      }
      for (const left of model) assert.deepEqual(plain(queue.shift()), plain(left));
      assert.equal(queue.shift(), undefined);
      queue.clear();
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(readdirSync(directory), []);
});

test("more than one file, and none once it is cleared", () => {
  const queue = new FrameQueue(0, directory);
  const data = new Uint8Array(1 << 20);
  for (let i = 0; i < 10; i += 1) queue.push({ stream: "stderr", data: data.map(() => i) });
  for (let i = 0; i < 6; i += 1) assert.equal(queue.shift()?.data.at(-1), i);
  queue.clear();
  assert.equal(queue.waiting, 0);
  assert.equal(queue.shift(), undefined);
});
