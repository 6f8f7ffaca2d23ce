import { test } from "node:test";
import fc from "fast-check";
import { SAMPLES } from "../unit/observe-samples/all.ts";

for (const { name, bytes, read } of SAMPLES) {
  test(`${name}: cut short or with other bytes in it, it throws nothing`, () => {
    for (let length = 0; length < bytes.length; length += 1) read(bytes.slice(0, length));
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.nat(bytes.length),
        (changes, length) => {
          const broken = bytes.slice();
          for (const [at, value] of changes) broken[at] = value;
          read(broken);
          read(broken.subarray(0, length));
        },
      ),
      { numRuns: 300 },
    );
  });
}

test("whatever bytes come, nothing throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const { read } of SAMPLES) read(bytes);
    }),
    { numRuns: 300 },
  );
});
