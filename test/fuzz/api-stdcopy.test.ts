import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, frameHeader } from "../../src/api/stdcopy.ts";

const frame = fc.record({
  stream: fc.constantFrom("stdout" as const, "stderr" as const),
  data: fc.uint8Array({ maxLength: 300 }),
});

/** Neighbours of one stream put together: a frame's data may come in parts. */
function joined(frames: readonly { readonly stream: string; readonly data: Uint8Array }[]) {
  const whole: { stream: string; hex: string }[] = [];
  for (const { stream, data } of frames) {
    if (data.length === 0) continue;
    const last = whole.at(-1);
    const hex = Buffer.from(data).toString("hex");
    if (last?.stream === stream) last.hex += hex;
    else whole.push({ stream, hex });
  }
  return whole;
}

test("frames come out as they went in, wherever the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(50), { minLength: 1 }), (frames, cuts) => {
      const bytes = Buffer.concat(
        frames.flatMap(({ stream, data }) => [frameHeader(stream, data.length), data]),
      );
      const reader = new FrameReader();
      const read = [];
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = (cuts[i % cuts.length] ?? 0) + 1;
        read.push(...reader.read(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(joined(read), joined(frames));
      assert.ok(reader.complete);
    }),
  );
});

test("whatever comes in, the reader gives data or refuses, and never more than came", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const reader = new FrameReader();
      let size = 0;
      try {
        for (const { data } of reader.read(bytes)) size += data.length;
      } catch (error) {
        assert.match(String(error), /not a multiplexed stream/);
      }
      assert.ok(size <= bytes.length);
    }),
  );
});

test("a header that none writes is refused", () => {
  assert.throws(() => [...new FrameReader().read(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 1))], /03000000/);
  assert.throws(() => [...new FrameReader().read(Buffer.from("HTTP/1.1"))], /not a multiplexed stream/);
});
