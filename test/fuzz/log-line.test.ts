import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { formatLine, type LogLine, parseLine } from "../../src/container/logs/line.ts";
import { readLog } from "../../src/container/logs/read.ts";
import type { LogEntry, LogOptions } from "../../src/container/process/monitor-types.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-log-"));
after(() => rmSync(directory, { recursive: true }));

const line: fc.Arbitrary<LogLine> = fc.record({
  time: fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }),
  stream: fc.constantFrom("stdout", "stderr"),
  partial: fc.boolean(),
  text: fc.uint8Array({ maxLength: 50 }).map((bytes) => bytes.map((byte) => (byte === 10 ? 32 : byte))),
});

test("a line reads back as it was written", () => {
  fc.assert(
    fc.property(line, (written) => {
      const read = parseLine(formatLine(written).subarray(0, -1));
      assert.deepEqual({ ...read, text: [...(read?.text ?? [])] }, { ...written, text: [...written.text] });
    }),
  );
});

test("no bytes break the parser", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseLine(bytes)));
});

const options: LogOptions = { follow: false, stdout: true, stderr: true };

async function read(path: string, tail?: number): Promise<LogEntry[]> {
  const wanted = tail === undefined ? options : { ...options, tail };
  const entries: LogEntry[] = [];
  for await (const entry of readLog(path, wanted, { ended: Promise.resolve() })) entries.push(entry);
  return entries;
}

const inOrder = (entries: readonly LogEntry[], stream: LogEntry["stream"]): string[] =>
  entries.filter((entry) => entry.stream === stream).map(({ data }) => Buffer.from(data).toString("hex"));

test("a tail is the end of the whole log, stream by stream, and so many lines of it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), fc.nat(45), async (lines, tail) => {
      const path = join(directory, "log");
      writeFileSync(path, Buffer.concat(lines.map(formatLine)));
      const [whole, end] = [await read(path), await read(path, tail)];
      assert.equal(end.length, Math.min(tail, whole.length));
      for (const stream of ["stdout", "stderr"] as const) {
        const all = inOrder(whole, stream);
        const last = inOrder(end, stream);
        assert.deepEqual(last, all.slice(all.length - last.length));
      }
    }),
    { numRuns: 200 },
  );
});
