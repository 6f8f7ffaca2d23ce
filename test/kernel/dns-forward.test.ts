import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";
import {
  askTcp,
  type Behaviour,
  Client,
  connectTcp,
  dataOf,
  decoded,
  edns,
  endpoint,
  FakeServer,
  framed,
  loadRules,
  newDns,
  query,
  readTcp,
  respond,
  sandbox,
  sh,
  upstream,
  zone,
} from "./dns-fixture.ts";

isolated(import.meta);
loadRules();

const dns = newDns();
const client = await Client.open();
const open: FakeServer[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});
after(async () => {
  client.close();
  await dns.stop();
});

async function server(address: string, behaviour: Behaviour): Promise<FakeServer> {
  const started = await FakeServer.start(address, behaviour);
  open.push(started);
  return started;
}

/** Have the sandbox ask the servers at these addresses, in this order. */
const serve = (...addresses: readonly string[]): Promise<void> =>
  dns.serve(sandbox({ upstreams: addresses.map((address) => upstream(address)) }));

const silent: Behaviour = () => {};
const failing =
  (rcode: number): Behaviour =>
  (message, reply) =>
    reply(respond(message, rcode));
const INTERNET = zone({ "www.example": ["198.51.100.10"] });

const [FIRST, SECOND, THIRD] = ["127.0.1.1", "127.0.1.2", "127.0.1.3"] as const;

test("an unknown name is passed on as it came, and its answer too", async () => {
  const first = await server(FIRST, INTERNET);
  await dns.announce([endpoint("web", ["web"], ["172.18.0.2"])]);
  await serve(FIRST);
  const message = query("WWW.Example", "A", { additionals: [edns(1232)] });
  const answer = decoded(await client.exchange(message));
  assert.deepEqual(dataOf(answer), ["198.51.100.10"]);
  assert.equal(answer.answers?.[0]?.name, "WWW.Example");
  assert.deepEqual(first.asked[0]?.message.subarray(2), message.subarray(2));
  assert.equal((await client.ask("nowhere.example")).rcode, "NXDOMAIN");
  // Names of one label as well: whoever asks has search domains of his own.
  assert.equal((await client.ask("nobody")).rcode, "NXDOMAIN");
  assert.equal(first.asked.length, 3);
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  assert.deepEqual(await client.lookup("web", "AAAA"), []);
  assert.equal(first.asked.length, 3);
});

test("ids and ports are random", async () => {
  const first = await server(FIRST, INTERNET);
  await serve(FIRST);
  for (let i = 0; i < 64; i += 1) await client.lookup("www.example");
  const ids = new Set(first.asked.map(({ message }) => message.readUInt16BE()));
  const ports = new Set(first.asked.map(({ port }) => port));
  assert.ok(ids.size > 56, `${ids.size} ids`);
  assert.ok(ports.size > 1, `${ports.size} ports`);
});

test("who refuses, fails or isn't there is passed over", async () => {
  const first = await server(FIRST, failing(5));
  const second = await server(SECOND, (message, reply) =>
    reply(respond(message, 2).subarray(0, 12).fill(0, 4)),
  );
  await server(THIRD, INTERNET);
  await serve(FIRST, SECOND, "127.0.1.9", THIRD);
  assert.deepEqual(await client.lookup("www.example"), ["198.51.100.10"]);
  assert.deepEqual([first.asked.length, second.asked.length], [1, 1]);
  assert.deepEqual(dataOf(await askTcp("www.example")), ["198.51.100.10"]);
  await serve(FIRST, SECOND, "127.0.1.9");
  assert.equal((await client.ask("www.example")).rcode, "SERVFAIL");
  assert.equal((await askTcp("www.example")).rcode, "SERVFAIL");
  // A server that there is no way to.
  await dns.serve(sandbox({ upstreams: [upstream("198.51.100.1"), upstream(THIRD)] }));
  assert.deepEqual(await client.lookup("www.example"), ["198.51.100.10"]);
  await dns.serve(sandbox({ upstreams: [upstream("198.51.100.1"), upstream("2001:db8::1")] }));
  assert.equal((await client.ask("www.example")).rcode, "SERVFAIL");
  assert.equal((await askTcp("www.example")).rcode, "SERVFAIL");
});

test("who is silent is passed over, and may still answer", async () => {
  const late: (() => void)[] = [];
  const answers = zone({ "late.example": ["203.0.113.1"] });
  const first = await server(FIRST, (message, reply) => late.push(() => answers(message, reply, "udp")));
  const second = await server(SECOND, (message, reply) => {
    if (decoded(message).questions?.[0]?.name === "late.example") for (const answer of late) answer();
    else INTERNET(message, reply, "udp");
  });
  await serve(FIRST, SECOND);
  const both = [client.lookup("www.example"), client.lookup("late.example")];
  assert.deepEqual(await Promise.all(both), [["198.51.100.10"], ["203.0.113.1"]]);
  assert.deepEqual([first.asked.length, second.asked.length], [2, 2]);
});

test("what isn't the answer to the very query is not believed", async () => {
  const outsider = createSocket("udp4");
  outsider.bind(53, "127.0.6.6");
  await once(outsider, "listening");
  const forged = (message: Buffer, name: string): Buffer =>
    respond(message, 0, [{ name, type: "A", ttl: 1, data: "192.0.2.66" }]);
  const first = await server(FIRST, (message, reply) => {
    const port = first.asked.at(-1)?.port ?? 0;
    const honest = forged(message, "www.example");
    const other = Buffer.from(honest);
    other.writeUInt16BE(message.readUInt16BE() ^ 1);
    const notAnswer = Buffer.from(message);
    const otherName = Buffer.from(honest);
    otherName.write("xxx", 13);
    const otherType = Buffer.from(honest);
    otherType.writeUInt16BE(28, 12 + 13);
    for (const wrong of [other, notAnswer, otherName, otherType, honest.subarray(0, 11), Buffer.alloc(0)]) {
      reply(wrong);
    }
    outsider.send(honest, port, "127.0.0.1", () => {
      setTimeout(() => INTERNET(message, reply, "udp"), 20);
    });
  });
  await serve(FIRST);
  assert.deepEqual(await client.lookup("www.example"), ["198.51.100.10"]);
  outsider.close();
});

test("a cut answer is passed on, and the client that comes again over TCP has it over TCP", async () => {
  const many = Array.from({ length: 200 }, (_, i) => `198.51.100.${i}`);
  const whole = zone({ "many.example": many });
  const first = await server(FIRST, (message, reply, transport) => {
    if (transport === "tcp") return whole(message, reply, transport);
    const cut = respond(message, 0);
    cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
    reply(cut);
  });
  await serve(FIRST);
  assert.equal((await client.ask("many.example")).flag_tc, true);
  assert.deepEqual(dataOf(await askTcp("many.example")), many);
  assert.deepEqual(
    first.asked.map(({ transport }) => transport),
    ["udp", "tcp"],
  );
});

test("a TCP client's queries are asked at the same time, and answered as answers come", async () => {
  const held: (() => void)[] = [];
  const first = await server(FIRST, (message, reply, transport) => {
    held.push(() => INTERNET(message, reply, transport));
    if (held.length === 8) for (const answer of held.reverse()) answer();
  });
  await serve(FIRST);
  const stream = await connectTcp();
  const messages = Array.from({ length: 8 }, () => query("www.example"));
  stream.write(Buffer.concat(messages.map(framed)));
  const answers = await readTcp(stream, 8);
  assert.deepEqual(
    answers.map(({ id }) => id).toSorted(),
    messages.map((message) => message.readUInt16BE()).toSorted(),
  );
  assert.equal(first.asked.length, 8);
  stream.destroy();
});

test("a TCP client with more queries than may be on their way has all answered", async () => {
  await server(FIRST, (message, reply, transport) =>
    setTimeout(() => INTERNET(message, reply, transport), 5),
  );
  await serve(FIRST);
  const streams = await Promise.all([connectTcp(), connectTcp(), connectTcp()]);
  for (const stream of streams) {
    stream.write(Buffer.concat(Array.from({ length: 100 }, () => framed(query("www.example")))));
    // No more will come: what was asked for is answered nevertheless.
    stream.end();
  }
  for (const answers of await Promise.all(streams.map((stream) => readTcp(stream, 100)))) {
    assert.equal(answers.length, 100);
    for (const answer of answers) assert.deepEqual(dataOf(answer), ["198.51.100.10"]);
  }
});

test("1,024 may be on their way, more are refused at once, and local names are answered meanwhile", async () => {
  const first = await server(FIRST, silent);
  await dns.announce([endpoint("web", ["web"], ["172.18.0.2"])]);
  await serve(FIRST);
  const flood = await Client.open();
  for (let i = 0; i < 1500; i += 1) {
    const message = query("www.example");
    message.writeUInt16BE(i);
    flood.send(message);
  }
  for (let i = 0; i < 300 && flood.heard.length < 476; i += 1) await sleep(10);
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  assert.equal(flood.heard.length, 476);
  for (const answer of flood.heard) assert.equal(decoded(answer).rcode, "REFUSED");
  assert.equal(first.asked.length, 1024);
  assert.ok(new Set(first.asked.map(({ port }) => port)).size < 32);
  // Nobody answered: so they are told, and others may ask.
  for (let i = 0; i < 800 && flood.heard.length < 1500; i += 1) await sleep(10);
  assert.equal(flood.heard.filter((answer) => decoded(answer).rcode === "SERVFAIL").length, 1024);
  flood.close();
});

test("servers are changed without a pause: what was asked of others is still answered", async () => {
  const held: (() => void)[] = [];
  await server(FIRST, (message, reply) => held.push(() => INTERNET(message, reply, "udp")));
  await server(SECOND, zone({ "www.example": ["198.51.100.99"] }));
  await serve(FIRST);
  const before = client.lookup("www.example");
  for (let i = 0; i < 300 && held.length === 0; i += 1) await sleep(10);
  await serve(SECOND);
  assert.deepEqual(await client.lookup("www.example"), ["198.51.100.99"]);
  for (const answer of held) answer();
  assert.deepEqual(await before, ["198.51.100.10"]);
});

test("without servers nothing leaves the sandbox; its own resolver is none", async () => {
  await serve();
  assert.equal((await client.ask("www.example")).rcode, "SERVFAIL");
  assert.equal((await askTcp("www.example")).rcode, "SERVFAIL");
  await serve("127.0.0.11");
  assert.equal((await client.ask("www.example")).rcode, "SERVFAIL");
});

test("servers are asked from the sandbox, and those of the host's loopback from the host", async () => {
  sh("ip netns add inner; ip -n inner link set lo up");
  loadRules("/run/netns/inner");
  const key = "/run/netns/inner" as NetnsPath;
  const first = await server(FIRST, INTERNET);
  const inner = sandbox({ id: "inner" as never, key });
  await dns.serve({ ...inner, upstreams: [upstream(FIRST)] });
  const inside = await Client.open(key);
  assert.equal((await inside.ask("www.example")).rcode, "SERVFAIL");
  assert.equal(first.asked.length, 0);
  await dns.serve({ ...inner, upstreams: [{ ...upstream(FIRST), fromHost: true }] });
  assert.deepEqual(await inside.lookup("www.example"), ["198.51.100.10"]);
  assert.equal(first.asked.length, 1);
  inside.close();
  await dns.forget(inner.id);
  sh("ip netns del inner");
});

test("a forgotten sandbox leaves no socket, whatever was on its way", async () => {
  const sockets = () => sh("ss -Hntua | grep -e :65353 -e 127.0.1.1:53 | grep -v TIME-WAIT | tr -s ' '");
  const first = await server(FIRST, silent);
  await dns.forget(sandbox().id);
  const serversOwn = sockets();
  assert.equal(serversOwn.trim().split("\n").length, 2);
  await serve(FIRST);
  for (let i = 0; i < 50; i += 1) client.send(query("www.example"));
  const stream = await connectTcp();
  const closed = once(stream, "close");
  stream.resume();
  stream.write(framed(query("www.example")));
  for (let i = 0; i < 300 && first.asked.length < 51; i += 1) await sleep(10);
  assert.notEqual(sockets(), serversOwn);
  await dns.forget(sandbox().id);
  await closed;
  for (let i = 0; i < 100 && sockets() !== serversOwn; i += 1) await sleep(10);
  assert.equal(sockets(), serversOwn);
});
