import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Streams } from "../../src/container/streams/streams.ts";
import type { Reactor, Ready } from "../../src/linux/reactor.ts";
import type { SeqpacketSocket } from "../../src/linux/seqpacket.ts";

const LIMITS = { memory: 1000, waiting: 1000, patience: 1000, directory: tmpdir() };

/** A monitor that sends these packets and closes its side. */
function streamsOf(packets: string[]): { readonly streams: Streams; readonly serve: () => void } {
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
    LIMITS,
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
