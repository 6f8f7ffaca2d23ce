/** Attaching by websocket, with Node's own client and with frames as they are on the wire. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, test } from "node:test";
import fc from "fast-check";
import { startServer } from "../../src/api/server.ts";
import { acceptKey, closeFrame, encodeFrame, FrameDecoder, OPCODES } from "../../src/api/websocket.ts";
import { silent } from "../../src/lib/log.ts";
import { eventually, serve } from "./server.ts";

const api = await serve();
const server = await startServer(api.engine, {
  listeners: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
  logger: silent,
});
after(() => server.close());
const address = server.addresses[0]?.replace("tcp://", "ws://");

let made = 0;
const cat = (options = {}) => {
  made += 1;
  return api.container(`ws${made}`, ["cat"], options);
};
const ALL = "stream=1&stdin=1&stdout=1&stderr=1";

function attach(container: string, version = "v1.50") {
  const socket = new WebSocket(`${address}/${version}/containers/${container}/attach/ws?${ALL}`);
  socket.binaryType = "arraybuffer";
  const received: Buffer[] = [];
  const kinds = new Set<string>();
  socket.addEventListener("message", ({ data }) => {
    kinds.add(typeof data);
    received.push(Buffer.from(data));
  });
  return { socket, kinds, text: () => Buffer.concat(received).toString() };
}

test("what is typed comes back raw, as binary messages; text before 1.28", async () => {
  for (const [version, kind] of [
    ["v1.50", "object"],
    ["v1.27", "string"],
  ] as const) {
    const { socket, kinds, text } = attach(await cat(), version);
    await once(socket, "open");
    socket.send("hello\n");
    await eventually(() => text() === "hello\n");
    assert.deepEqual([...kinds], [kind]);
    socket.close();
    await once(socket, "close");
  }
});

test("large messages come whole; the client's close is the input's end", async () => {
  const id = await cat();
  const { socket, text } = attach(id);
  await once(socket, "open");
  const large = "x".repeat(200_000);
  socket.send(large);
  await eventually(() => text() === large);
  socket.close();
  const [{ code, wasClean }] = (await once(socket, "close")) as [CloseEvent];
  assert.deepEqual([code, wasClean], [1000, true]);
  await eventually(() => api.engine.entry(id).container.state.status === "exited");
});

test("the process's end is a clean close, after all that it wrote", async () => {
  const id = await cat();
  const { socket, text } = attach(id);
  await once(socket, "open");
  socket.send("last words");
  await eventually(() => text() === "last words");
  await api.engine.containers.kill(id, "KILL");
  const [{ code }] = (await once(socket, "close")) as [CloseEvent];
  assert.equal(code, 1000);
});

test("what is no websocket, or not there, is refused as any request", async () => {
  const id = await cat();
  assert.equal((await api.ask("GET", `/containers/${id}/attach/ws?stream=1`)).status, 400);
  assert.equal((await api.ask("GET", "/containers/nosuch/attach/ws")).status, 404);
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  assert.equal((await api.ask("GET", "/containers/nosuch/attach/ws", { headers })).status, 404);
  await api.engine.containers.pause(id);
  assert.equal((await api.ask("GET", `/containers/${id}/attach/ws`, { headers })).status, 409);
});

test("a ping is answered; a frame without a mask is the end", async () => {
  const connection = await api.raw(
    `GET /containers/${await cat()}/attach/ws?${ALL} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const head = await connection.until("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 101 /);
  // The example of RFC 6455, section 1.3.
  assert.match(head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  connection.socket.write(masked(OPCODES.ping, Buffer.from("you?")));
  await connection.until("you?");
  connection.socket.write(encodeFrame(OPCODES.binary, Buffer.from("bare")));
  const rest = Buffer.from(await connection.all(), "latin1");
  assert.deepEqual(rest.subarray(-4), Buffer.from(closeFrame(1002)));
});

/** A client's frame. */
function masked(opcode: number, payload: Uint8Array): Buffer {
  const frame = Buffer.from(encodeFrame(opcode, payload));
  const head = frame.length - payload.length;
  const mask = randomBytes(4);
  frame[1] = (frame[1] ?? 0) | 0x80;
  const hidden = payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([frame.subarray(0, head), mask, hidden]);
}

test("frames are read however they are cut", () => {
  assert.equal(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
      (payloads, cuts) => {
        const wire = Buffer.concat(payloads.map((payload) => masked(OPCODES.binary, payload)));
        const decoder = new FrameDecoder();
        const pieces: Uint8Array[] = [];
        let from = 0;
        for (const cut of [...cuts, wire.length]) {
          for (const { payload } of decoder.push(wire.subarray(from, from + cut))) pieces.push(payload);
          from += cut;
        }
        assert.deepEqual(Buffer.concat(pieces), Buffer.concat(payloads));
      },
    ),
  );
});

test("a frame of any bytes is read or refused, never more", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        new FrameDecoder().push(bytes);
      } catch (thrown) {
        assert.match(String(thrown), /websocket:/);
      }
    }),
  );
});
