import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTo, type Socket } from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress } from "../../src/lib/ip.ts";
import { silent } from "../../src/lib/log.ts";
import type { PortLease, PortTarget } from "../../src/network/port/types.ts";
import { isolated } from "../support/isolated.ts";
import {
  ANY,
  addAddresses,
  attempt,
  connect,
  datagrams,
  endOf,
  eventually,
  hostPorts,
  listen,
  openSockets,
  readAll,
  request,
} from "./port-fixture.ts";

isolated(import.meta);

const [CONTAINER, OTHER, CONTAINER6, HOST6] = ["10.9.0.2", "10.9.0.3", "fd00::2", "2001:db8::1"] as const;
addAddresses(`${CONTAINER}/32`, `${OTHER}/32`, `${CONTAINER6}/128`, `${HOST6}/128`);
const told: string[] = [];
const ports = hostPorts({ ...silent, warn: (_, message) => told.push(message) });
const FOUR: PortTarget = { address4: parseAddress(CONTAINER) };
const SIZE = 10_000_000;

/** The host's port is the container's and 10,000 more. */
async function published(port: number, target: PortTarget | undefined = FOUR): Promise<PortLease> {
  const lease = await ports.take([request(port, 10_000 + port)], ANY);
  after(() => lease.release());
  lease.lead(target);
  return lease;
}

const digest = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

const says = (text: string) => (socket: Socket) => socket.end(text);

test("ten megabytes each way at once arrive whole, by each way that the kernel can't translate", async () => {
  const answer = randomBytes(SIZE);
  const heard: Promise<Buffer>[] = [];
  for (const host of [CONTAINER, CONTAINER6]) {
    await listen(host, 80, (socket) => {
      heard.push(readAll(socket));
      socket.end(answer);
    });
  }
  const lease = await published(80);
  const six: PortTarget = { address6: parseAddress(CONTAINER6) };
  const ways = [
    ["::1", FOUR],
    [HOST6, FOUR],
    [HOST6, six],
    ["127.0.0.1", six],
  ] as const;
  for (const [host, target] of ways) {
    lease.lead(target);
    const question = randomBytes(SIZE);
    const client = await connect(host, 10_080);
    client.end(question);
    assert.equal(digest(await readAll(client)), digest(answer), host);
    assert.equal(digest((await heard.pop()) ?? Buffer.alloc(0)), digest(question), host);
  }
});

test("each side may end first, and hear the other to its end", async () => {
  const seen: string[] = [];
  await listen(CONTAINER, 81, async (socket) => {
    seen.push(String(await readAll(socket)));
    socket.end("after your end");
  });
  await listen(CONTAINER, 82, async (socket) => {
    socket.end("mine is over");
    seen.push(String(await readAll(socket)));
  });
  await Promise.all([published(81), published(82)]);
  const first = await connect("::1", 10_081);
  first.end("before my end");
  assert.equal(String(await readAll(first)), "after your end");
  const second = await connect("::1", 10_082);
  assert.equal(String(await readAll(second)), "mine is over");
  second.end("I go on");
  await eventually("the server hears the rest", () => seen.length === 2);
  assert.deepEqual(seen, ["before my end", "I go on"]);
});

test("a reset on one side is one on the other", async () => {
  const servers: Socket[] = [];
  await listen(CONTAINER, 83, (socket) => {
    socket.write("hello");
    servers.push(socket);
  });
  await published(83);
  const one = await connect("::1", 10_083);
  await once(one, "data");
  const [server] = servers;
  assert.ok(server);
  const serverEnd = endOf(server);
  one.resetAndDestroy();
  assert.equal(await serverEnd, "ECONNRESET");

  const two = await connect("::1", 10_083);
  await once(two, "data");
  const clientEnd = endOf(two);
  servers[1]?.resetAndDestroy();
  assert.equal(await clientEnd, "ECONNRESET");
});

test("where nobody listens, or no network carries the port, clients are refused at once", async () => {
  const lease = await published(84);
  assert.equal(await attempt("::1", 10_084), "ECONNRESET");
  await listen(CONTAINER, 84, says("here"));
  assert.equal(String(await readAll(await connect("::1", 10_084))), "here");
  lease.lead(undefined);
  assert.equal(await attempt("::1", 10_084), "ECONNRESET");
});

test("led elsewhere, what goes on to the old place is cut, and what is the same stays", async () => {
  for (const host of [CONTAINER, OTHER]) await listen(host, 85, (socket) => socket.write(host));
  const lease = await published(85);
  const old = await connect("::1", 10_085);
  assert.equal(String((await once(old, "data"))[0]), CONTAINER);
  const end = endOf(old);
  lease.lead({ ...FOUR, address6: parseAddress(CONTAINER6) });
  const fresh = await connect("::1", 10_085);
  assert.equal(String((await once(fresh, "data"))[0]), CONTAINER);
  assert.equal(old.readyState, "open");
  lease.lead({ address4: parseAddress(OTHER) });
  assert.equal(await end, "ECONNRESET");
  assert.equal(String((await once(await connect("::1", 10_085), "data"))[0]), OTHER);
});

test("who doesn't read is not written for: the sender waits", async () => {
  const servers: Socket[] = [];
  await listen(CONTAINER, 86, (socket) => servers.push(socket.pause()));
  await published(86);
  const client = await connect("::1", 10_086);
  const block = Buffer.alloc(1_000_000, "x");
  let sent = 0;
  const sending = (async () => {
    while (sent < 200 * block.length) {
      sent += block.length;
      if (!client.write(block)) await once(client, "drain");
    }
    client.end();
  })();
  let before = -1;
  while (sent !== before) {
    before = sent;
    await sleep(300);
  }
  // What sockets' buffers take on the way: far from all.
  assert.ok(sent < 60 * block.length, `${sent} bytes were taken with nobody reading`);
  let received = 0;
  for await (const part of servers[0] ?? []) received += (part as Buffer).length;
  await sending;
  assert.equal(received, 200 * block.length);
});

test("given back under load: connections are cut, nothing is left, and the port can be taken again", async () => {
  await listen(CONTAINER, 87, (socket) => socket.pipe(socket));
  const before = openSockets();
  const lease = await published(87);
  const clients = await Promise.all(Array.from({ length: 200 }, () => connect("::1", 10_087)));
  for (const client of clients) client.write(Buffer.alloc(100_000));
  await Promise.all(clients.map((client) => once(client, "data")));
  const ends = clients.map(endOf);
  await lease.release();
  for (const end of await Promise.all(ends)) assert.match(end, /^(ECONNRESET|closed)$/);
  await assert.rejects(connect("::1", 10_087), { code: "ECONNREFUSED" });
  await eventually("all are closed", () => openSockets() <= before);

  const again = await published(87);
  const client = await connect("::1", 10_087);
  client.end("x");
  assert.equal(String(await readAll(client)), "x");
  await again.release();
});

test("a port whose last connections are remembered is taken again at once", async () => {
  await listen(CONTAINER, 90, says("mine ends first"));
  const lease = await published(90);
  const client = await connect("::1", 10_090);
  await readAll(client);
  client.end();
  await once(client, "close");
  await lease.release();
  const remembered = execFileSync("ss", ["-Htan", "state", "time-wait", "sport = :10090"], {
    encoding: "utf8",
  });
  assert.notEqual(remembered, "");
  await (await published(90)).release();
});

test("a closed family is closed to the relay too", async () => {
  await listen(CONTAINER, 88, says("here"));
  const lease = await published(88);
  assert.equal(String(await readAll(await connect("::1", 10_088))), "here");
  await lease.release(lease.bindings.filter(({ hostAddress }) => hostAddress.family === 6));
  await assert.rejects(connect("::1", 10_088), { code: "ECONNREFUSED" });
});

test("connections are bounded: more are refused until others end", async () => {
  const bound = 1024;
  await listen(CONTAINER, 89, (socket) => socket.write("x"));
  await published(89);
  const served: Socket[] = [];
  const open = async (): Promise<boolean> => {
    const client = connectTo({ host: "::1", port: 10_089 });
    const answer = await once(client, "data").then(
      () => true,
      () => false,
    );
    client.on("error", () => {});
    if (answer) served.push(client);
    return answer;
  };
  for (let made = 0; made < bound; made += 64) {
    assert.ok((await Promise.all(Array.from({ length: 64 }, open))).every(Boolean), `after ${made}`);
  }
  assert.deepEqual(await Promise.all(Array.from({ length: 20 }, open)), Array(20).fill(false));
  for (const client of served.splice(0, 10)) client.resetAndDestroy();
  let more = 0;
  await eventually("there is room again", () => {
    void open().then((answer) => {
      if (answer) more += 1;
    });
    return more >= 10;
  });
  for (const client of served) client.destroy();
});

test("numbers that select(2) knows are left to those who need them", async () => {
  await listen(CONTAINER, 92, (socket) => socket.write("x"));
  const server = await datagrams({ at: CONTAINER, port: 92 });
  server.on("message", (message, { port, address }) => server.send(message, port, address));
  const before = openSockets(1024);
  await published(92);
  const udp = await ports.take([request(92, 10_092, { protocol: "udp" })], ANY);
  udp.lead(FOUR);
  assert.equal(openSockets(1024), before);
  const client = await connect("::1", 10_092);
  await once(client, "data");
  const asking = await datagrams({ to: { host: "::1", port: 10_092 } });
  asking.send("?");
  await once(asking, "message");
  // Both clients, and what the server accepted.
  assert.equal(openSockets(1024), before + 3);
  await udp.release();
});

test("with no descriptor left, a connection waits until there is one, and it is told once", async () => {
  await listen(CONTAINER, 91, says("served late"));
  await published(91);
  const limit = `prlimit --pid ${process.pid} --nofile`;
  const script = `read low; ${limit}=$low:; busybox nc ::1 10091 & read high; ${limit}=$high:; wait`;
  const child = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  after(() => child.kill());
  const heard = once(child.stdout, "data", { signal: AbortSignal.timeout(10_000) });
  child.stdin.write("3\n");
  await eventually("it is told", () => told.length > 0);
  await sleep(600);
  child.stdin.write("4000\n");
  assert.equal(String((await heard)[0]), "served late");
  assert.deepEqual(told, ["relay: accept a connection: too many open files (EMFILE)"]);
});
