import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { formatLine } from "../../src/container/logs/line.ts";
import { readLog } from "../../src/container/logs/read.ts";
import type { LogEntry, LogOptions } from "../../src/container/process/monitor-types.ts";

const EVERYTHING: LogOptions = { follow: false, stdout: true, stderr: true };
const NEVER = { ended: new Promise<void>(() => {}) };

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "drawbridge-log-"));
  path = join(directory, "log");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** `F` a whole line, `P` a piece; a capital O or E before the text chooses the stream; its time is its number. */
function write(...lines: string[]): void {
  for (const line of lines) {
    const [, tag, stream, text] = /^([FP])([OE]) (.*)$/.exec(line) ?? [];
    clock += 1n;
    appendFileSync(
      path,
      formatLine({
        time: clock,
        stream: stream === "O" ? "stdout" : "stderr",
        partial: tag === "P",
        text: Buffer.from(text ?? ""),
      }),
    );
  }
}
let clock = 0n;
beforeEach(() => {
  clock = 0n;
});

const show = ({ stream, data }: LogEntry): string => `${stream}:${Buffer.from(data)}`;

async function read(options: Partial<LogOptions> = {}): Promise<string[]> {
  const entries: string[] = [];
  for await (const entry of readLog(path, { ...EVERYTHING, ...options }, NEVER)) entries.push(show(entry));
  return entries;
}

test("whole lines, pieces joined, each stream for itself", async () => {
  write("FO one", "PO tw", "FE oops", "FO o", "PO unfinished");
  assert.deepEqual(await read(), ["stdout:one\n", "stderr:oops\n", "stdout:two\n", "stdout:unfinished"]);
  assert.deepEqual(await read({ stdout: false }), ["stderr:oops\n"]);
});

test("a joined line has the time of its first piece", async () => {
  write("PO a", "PO b", "FO c");
  for await (const { time } of readLog(path, EVERYTHING, NEVER)) {
    assert.equal(time, "1970-01-01T00:00:00.000000001Z");
  }
});

test("a line without end is given out in pieces", async () => {
  const piece = "x".repeat(8192);
  write(`PO ${piece}`, `PO ${piece}`, `PO ${piece}`, "FO end");
  assert.deepEqual(await read(), [`stdout:${piece}${piece}`, `stdout:${piece}end\n`]);
});

test("the last lines", async () => {
  write("FO one", "PO tw", "FE oops", "FO o", "PE a", "PE b", "PO rest");
  assert.deepEqual(await read({ tail: 0 }), []);
  assert.deepEqual(await read({ tail: 1 }), ["stdout:rest"]);
  assert.deepEqual(await read({ tail: 2 }), ["stderr:ab", "stdout:rest"]);
  assert.deepEqual(await read({ tail: 3 }), ["stdout:two\n", "stderr:ab", "stdout:rest"]);
  assert.deepEqual(await read({ tail: 4, stderr: false }), ["stdout:one\n", "stdout:two\n", "stdout:rest"]);
  assert.equal((await read({ tail: 100 })).length, 5);
});

test("the last lines of a file of many blocks", async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${"y".repeat(i % 200)}`);
  write(...lines.map((line) => `FO ${line}`));
  for (const tail of [1, 7, 999, 4999, 5000, 6000]) {
    assert.deepEqual(
      await read({ tail }),
      lines.slice(-tail).map((line) => `stdout:${line}\n`),
    );
  }
});

test("a span of time, both ends included", async () => {
  write("FO 1", "FO 2", "FO 3", "FO 4");
  assert.deepEqual(await read({ since: 2n, until: 3n }), ["stdout:2\n", "stdout:3\n"]);
});

test("damaged lines are left out", async () => {
  write("FO good");
  appendFileSync(path, "\nnonsense\n2026-01-01T00:00:00.000000000+00:00 stdin F x\n");
  appendFileSync(path, `${"z".repeat(300_000)}\n`);
  write("FO after");
  appendFileSync(path, "2026-01-01T00:00:00.000000000+00:00 stdout F cut");
  assert.deepEqual(await read(), ["stdout:good\n", "stdout:after\n"]);
  assert.deepEqual(await read({ tail: 2 }), ["stdout:good\n", "stdout:after\n"]);
});

test("times of other zones", async () => {
  appendFileSync(path, "2026-01-01T02:00:00.000000007+02:00 stdout F x\n");
  for await (const { time } of readLog(path, EVERYTHING, NEVER)) {
    assert.equal(time, "2026-01-01T00:00:00.000000007Z");
  }
});

test("no log is an empty log", async () => {
  assert.deepEqual(await read(), []);
  assert.deepEqual(await read({ tail: 3 }), []);
});

test("following: what comes, through rotation and truncation, to the end of the process", async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const entries = readLog(path, { ...EVERYTHING, follow: true }, { ended })[Symbol.asyncIterator]();
  const next = async () => show((await entries.next()).value as LogEntry);
  const first = next(); // before there is a file
  write("FO a");
  assert.equal(await first, "stdout:a\n");
  write("FO b");
  assert.equal(await next(), "stdout:b\n");
  write("FO old");
  renameSync(path, `${path}.1`);
  write("FO new");
  assert.deepEqual([await next(), await next()], ["stdout:old\n", "stdout:new\n"]);
  truncateSync(path);
  write("FO x");
  assert.equal(await next(), "stdout:x\n");
  write("FO last", "PO words");
  end();
  assert.deepEqual([await next(), await next()], ["stdout:last\n", "stdout:words"]);
  assert.equal((await entries.next()).done, true);
});

test("following the last lines only", async () => {
  write("FO a", "FO b");
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const entries = readLog(path, { ...EVERYTHING, follow: true, tail: 1 }, { ended })[Symbol.asyncIterator]();
  assert.equal(show((await entries.next()).value as LogEntry), "stdout:b\n");
  end();
  assert.equal((await entries.next()).done, true);
});

test("a follower that goes away is let go of while it waits", async () => {
  writeFileSync(path, "");
  const entries = readLog(path, { ...EVERYTHING, follow: true }, NEVER)[Symbol.asyncIterator]();
  const waiting = entries.next();
  await entries.return?.();
  assert.equal((await waiting).done, true);

  const gone = new AbortController();
  const options = { ...EVERYTHING, follow: true, signal: gone.signal };
  const other = readLog(path, options, NEVER)[Symbol.asyncIterator]();
  const alsoWaiting = other.next();
  gone.abort();
  assert.equal((await alsoWaiting).done, true);
  assert.equal((await readLog(path, options, NEVER)[Symbol.asyncIterator]().next()).done, true);
});

test("a follower that goes away between two entries leaves no file open", async () => {
  write("FO one", "FO two");
  const gone = new AbortController();
  const entries = readLog(path, { ...EVERYTHING, follow: true, signal: gone.signal }, NEVER)[
    Symbol.asyncIterator
  ]();
  assert.equal((await entries.next()).done, false);
  assert.equal(descriptorsOf(path), 1);
  gone.abort();
  assert.equal((await entries.next()).done, true);
  assert.equal(descriptorsOf(path), 0);
});

function descriptorsOf(file: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false; // the one that the directory was read by
    }
  }).length;
}
