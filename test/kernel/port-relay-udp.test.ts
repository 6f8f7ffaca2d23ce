import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { after, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { PortLease, PortTarget } from "../../src/network/port/types.ts";
import { isolated } from "../support/isolated.ts";
import { ANY, addAddresses, datagrams, descriptors, eventually, hostPorts, request } from "./port-fixture.ts";

isolated(import.meta);

const [CONTAINER, OTHER, CONTAINER6] = ["10.9.0.2", "10.9.0.3", "fd00::2"] as const;
const HOSTS = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "10.9.0.7", "10.9.0.8"] as const;
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
  const [answer] = await once(client, "message");
  return answer;
}

test("answers come from the very address that was asked, whichever the host would choose", async () => {
  for (const at of [CONTAINER, CONTAINER6]) await echo(at, 53);
  const lease = await published(53, SIX);
  for (const to of [...HOSTS, "::1", "127.0.0.1"]) {
    lease.lead(to.includes(":") ? FOUR : SIX);
    // A connected client hears its peer alone.
    const client = await datagrams({ to, port: 10_053 });
    assert.equal(String(await ask(client, `to ${to}`)), `to ${to}`);
  }
  await lease.release();
  // The same of a socket for IPv4 alone.
  await published(53, SIX, [parseAddress("0.0.0.0")]);
  for (const to of ["10.9.0.8", "127.0.0.1"]) {
    const client = await datagrams({ to, port: 10_053 });
    assert.equal(String(await ask(client, `to ${to}`)), `to ${to}`);
  }
});

test("each client gets its own answers, of any size", async () => {
  await echo(CONTAINER, 54);
  await published(54, FOUR);
  const clients = await Promise.all(Array.from({ length: 50 }, () => datagrams({ to: "::1", port: 10_054 })));
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
  const client = await datagrams({ to: "::1", port: 10_055 });
  client.on("error", (error) => assert.fail(error));
  const before = descriptors();
  client.send("nobody");
  await eventually("the client has a session", () => descriptors() === before + 1);
  await echo(CONTAINER, 55);
  assert.equal(String(await ask(client, "somebody")), "somebody");
});

test("led elsewhere, or nowhere", async () => {
  const [here, there]: [Buffer[], Buffer[]] = [[], []];
  await echo(CONTAINER, 56, here);
  await echo(OTHER, 56, there);
  const lease = await published(56, FOUR);
  const client = await datagrams({ to: "::1", port: 10_056 });
  const before = descriptors();
  await ask(client, "one");
  lease.lead({ address4: parseAddress(OTHER) });
  await ask(client, "two");
  lease.lead(undefined);
  assert.equal(descriptors(), before);
  client.send("three");
  // What is sent to another port of the same engine later has been served later.
  await echo(CONTAINER, 57);
  await published(57, FOUR);
  await ask(await datagrams({ to: "::1", port: 10_057 }), "served");
  lease.lead(FOUR);
  await ask(client, "four");
  assert.deepEqual([here.map(String), there.map(String)], [["one", "four"], ["two"]]);
});

test("sessions are bounded: the one that was used longest ago makes room", async () => {
  await echo(CONTAINER, 58);
  const lease = await published(58, FOUR);
  const clients = await Promise.all(
    Array.from({ length: 600 }, () => datagrams({ to: "::1", port: 10_058 })),
  );
  const before = descriptors();
  for (const client of clients) await ask(client, "x");
  assert.equal(descriptors(), before + 512);
  // One whose session is gone begins another.
  const [first] = clients;
  assert.ok(first);
  assert.equal(String(await ask(first, "again")), "again");
  assert.equal(descriptors(), before + 512);
  await lease.release();
  assert.equal(descriptors(), before - 1);
});

test("given back under load, nothing is left and nobody is answered", async () => {
  await echo(CONTAINER, 59);
  const before = descriptors();
  const lease = await published(59, FOUR);
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => datagrams({ to: "::1", port: 10_059 })),
  );
  await Promise.all(clients.map((client) => ask(client, "x")));
  for (const client of clients) {
    client.on("error", () => {}); // that nobody is there any more
    for (let sent = 0; sent < 10; sent += 1) client.send("more");
  }
  await lease.release();
  assert.equal(descriptors(), before + clients.length);
  const again = await published(59, FOUR);
  assert.equal(String(await ask(await datagrams({ to: "::1", port: 10_059 }), "anew")), "anew");
  await again.release();
});
