import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Streams } from "../../src/container/streams/streams.ts";
import type { Reactor, Ready } from "../../src/linux/reactor.ts";
import type { SeqpacketSocket } from "../../src/linux/seqpacket.ts";

const LIMITS = { memory: 1000, waiting: 1000, patience: 1000, directory: tmpdir() };

/** A monitor that sends these packets and closes its side. */
function streamsOf(
  packets: string[],
  limits = LIMITS,
): { readonly streams: Streams; readonly serve: () => void } {
  let serve: ((ready: Ready) => void) | undefined;
  const reactor = {
    watch: (_fd: number, _for: unknown, onReady: (ready: Ready) => void) => {
      serve = onReady;
      return { expect: () => {}, close: () => {} };
    },
  };
  const socket = {
    fd: 0,
    close: () => {},
    receive: (into: Buffer) => into.write(packets.shift() ?? ""),
  };
  const streams = new Streams(
    reactor as unknown as Reactor,
    socket as unknown as SeqpacketSocket,
    "none",
    limits,
  );
  return { streams, serve: () => serve?.({ readable: true, writable: false }) };
}

test("output ends with the process, not with the connection: who has read it all asks for the exit code", async () => {
  const { streams, serve } = streamsOf(["\u0002all"]);
  const output = streams.attach({ stdin: false, stdout: true, stderr: true }).output[Symbol.asyncIterator]();
  serve();
  await streams.ended;
  const frame = await output.next();
  assert.equal(Buffer.from(frame.value?.data ?? []).toString(), "all");
  let over = false;
  const end = output.next().then(({ done }) => {
    over = done === true;
  });
  await setImmediate();
  assert.equal(over, false);
  streams.close();
  await end;
  assert.equal(over, true);
});

const EVERYTHING = { stdin: false, stdout: true, stderr: true };
const loud = () => Array.from({ length: 30 }, () => `\u0002${"x".repeat(99)}`);

test("a client that reads a little and then nothing is cut off as well", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { streams, serve } = streamsOf(loud(), { ...LIMITS, patience: 0 });
  const output = streams.attach(EVERYTHING).output[Symbol.asyncIterator]();
  serve(); // until the limit
  await output.next(); // still more than half of it waits
  t.mock.timers.tick(1);
  serve(); // the process goes on
  serve();
  await streams.ended;
  const { value } = await output.next();
  assert.match(Buffer.from(value?.data ?? []).toString(), /disconnected: \d+ bytes of output waited/);
  streams.close();
});

test("the end of a process that is killed does not wait for a client that reads nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1000; // whole: a difference of fractions is a little less than it should be
  t.mock.method(performance, "now", () => now);
  const { streams, serve } = streamsOf(loud(), { ...LIMITS, patience: 60_000 });
  streams.attach(EVERYTHING);
  serve();
  streams.hurry();
  now += 1000;
  t.mock.timers.tick(1000);
  serve();
  serve();
  await streams.ended;
  streams.close();
});
