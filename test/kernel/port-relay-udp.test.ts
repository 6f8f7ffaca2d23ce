import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { after, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { connectDatagram } from "../../src/linux/datagram.ts";
import { DatagramPassage } from "../../src/linux/packet-info.ts";
import type { PortLease, PortTarget } from "../../src/network/port/types.ts";
import { isolated } from "../support/isolated.ts";
import { ANY, addAddresses, datagrams, eventually, hostPorts, openSockets, request } from "./port-fixture.ts";

isolated(import.meta);

const [CONTAINER, OTHER, CONTAINER6] = ["10.9.0.2", "10.9.0.3", "fd00::2"] as const;
const HOSTS = ["2001:db8::1", "2001:db8::2", "10.9.0.7", "10.9.0.8"] as const;
addAddresses(...[CONTAINER, OTHER, CONTAINER6, ...HOSTS].map((at) => `${at}/${at.includes(":") ? 128 : 32}`));
const ports = hostPorts();
const FOUR: PortTarget = { address4: parseAddress(CONTAINER) };
const SIX: PortTarget = { address6: parseAddress(CONTAINER6) };

/** The host's port is the container's and 10,000 more. */
async function published(port: number, target: PortTarget | undefined, addresses = ANY): Promise<PortLease> {
  const lease = await ports.take([request(port, 10_000 + port, { protocol: "udp" })], addresses);
  after(() => lease.release());
  lease.lead(target);
  return lease;
}

const clientOf = (port: number, host = "::1"): Promise<Socket> => datagrams({ to: { host, port } });

/** Answers each datagram with itself. */
async function echo(at: string, port: number, heard: Buffer[] = []): Promise<Socket> {
  const server = await datagrams({ at, port });
  server.on("message", (message, { port: from, address }) => {
    heard.push(message);
    server.send(message, from, address);
  });
  return server;
}

async function ask(client: Socket, question: Buffer | string): Promise<Buffer> {
  client.send(question);
  const [answer] = await once(client, "message", { signal: AbortSignal.timeout(5000) });
  return answer;
}

test("answers come from the very address that was asked, whichever the host would choose", async () => {
  for (const at of [CONTAINER, CONTAINER6]) await echo(at, 53);
  const [four, six] = [
    ["10.9.0.7", "127.0.0.1", "10.9.0.8"],
    ["2001:db8::1", "::1", "2001:db8::2"],
  ] as const;
  const lease = await published(53, FOUR);
  const askEach = async (hosts: readonly string[]) => {
    for (const at of hosts) {
      for (const host of hosts) {
        // A connected client hears its peer alone.
        const asking = await datagrams({ at, to: { host, port: 10_053 } });
        assert.equal(String(await ask(asking, `${at} to ${host}`)), `${at} to ${host}`);
      }
    }
  };
  await askEach(six);
  lease.lead(SIX);
  await askEach(four);
  await lease.release();
  // The same of a socket for IPv4 alone.
  await published(53, SIX, [parseAddress("0.0.0.0")]);
  await askEach(four);
});

test("each client gets its own answers, of any size", async () => {
  await echo(CONTAINER, 54);
  await published(54, FOUR);
  const clients = await Promise.all(Array.from({ length: 50 }, () => clientOf(10_054)));
  await Promise.all(
    clients.map(async (client, at) => {
      for (const size of [0, 1, 1000 + at]) {
        const question = randomBytes(size);
        assert.deepEqual(await ask(client, question), question);
      }
    }),
  );
  // One after another: many of these at once are more than sockets have room for.
  for (const client of clients.slice(0, 5)) {
    const question = randomBytes(60_000);
    assert.deepEqual(await ask(client, question), question);
  }
});

test("a server that was not there yet is found by the next datagram", async () => {
  await published(55, FOUR);
  const client = await clientOf(10_055);
  client.on("error", (error) => assert.fail(error));
  const before = openSockets();
  client.send("nobody");
  await eventually("the client has a session", () => openSockets() === before + 1);
  await echo(CONTAINER, 55);
  assert.equal(String(await ask(client, "somebody")), "somebody");
});

test("led elsewhere, or nowhere", async () => {
  const [here, there]: [Buffer[], Buffer[]] = [[], []];
  await echo(CONTAINER, 56, here);
  await echo(OTHER, 56, there);
  const lease = await published(56, FOUR);
  const client = await clientOf(10_056);
  const before = openSockets();
  await ask(client, "one");
  lease.lead({ address4: parseAddress(OTHER) });
  await ask(client, "two");
  lease.lead(undefined);
  assert.equal(openSockets(), before);
  client.send("three");
  // What is sent to another port of the same engine later has been served later.
  await echo(CONTAINER, 57);
  await published(57, FOUR);
  await ask(await clientOf(10_057), "served");
  lease.lead(FOUR);
  await ask(client, "four");
  assert.deepEqual([here.map(String), there.map(String)], [["one", "four"], ["two"]]);
});

test("sessions are bounded: the one that was used longest ago makes room", async () => {
  const server = await datagrams({ at: CONTAINER, port: 58 });
  server.on("message", (_, { port, address }) => server.send(String(port), port, address));
  const lease = await published(58, FOUR);
  const clients = await Promise.all(Array.from({ length: 600 }, () => clientOf(10_058)));
  const before = openSockets();
  // What the server says is the port that it sees: the session's.
  const seen = async (at: number): Promise<string> => String(await ask(clients[at] ?? assert.fail(), "?"));
  const first: string[] = [];
  for (let at = 0; at < 512; at += 1) first.push(await seen(at));
  assert.equal(openSockets(), before + 512);
  assert.equal(await seen(0), first[0]);
  for (let at = 512; at < 600; at += 1) await seen(at);
  assert.equal(openSockets(), before + 512);
  assert.equal(await seen(0), first[0]);
  assert.notEqual(await seen(1), first[1]);
  assert.equal(openSockets(), before + 512);
  await lease.release();
  assert.equal(openSockets(), before - 1);
});

test("given back under load, nothing is left and nobody is answered", async () => {
  await echo(CONTAINER, 59);
  const before = openSockets();
  const lease = await published(59, FOUR);
  const clients = await Promise.all(Array.from({ length: 100 }, () => clientOf(10_059)));
  await Promise.all(clients.map((client) => ask(client, "x")));
  for (const client of clients) {
    client.on("error", () => {}); // that nobody is there any more
    for (let sent = 0; sent < 10; sent += 1) client.send("more");
  }
  await lease.release();
  assert.equal(openSockets(), before + clients.length);
  const again = await published(59, FOUR);
  assert.equal(String(await ask(await clientOf(10_059), "anew")), "anew");
  await again.release();
});

test("a datagram is not lost for an earlier one that found nobody", async () => {
  const passage = new DatagramPassage();
  const fd = connectDatagram({ address: parseAddress(CONTAINER), port: 60 });
  assert.equal(passage.write(fd, 1), true);
  const server = await datagrams({ at: CONTAINER, port: 60 });
  const heard = once(server, "message");
  assert.equal(passage.write(fd, 3), true);
  assert.equal((await heard)[0].length, 3);
  closeSync(fd);
});
