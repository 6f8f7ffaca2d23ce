import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { KernelError } from "../../src/linux/ffi.ts";
import { holdPort } from "../../src/linux/inet-socket.ts";
import type { PortBinding } from "../../src/network/port/types.ts";
import { isolated } from "../support/isolated.ts";
import { ANY, addAddresses, hostPorts, openSockets, request } from "./port-fixture.ts";

isolated(import.meta);

addAddresses("10.9.0.1/32", "2001:db8::1/128");
const ports = hostPorts();

const text = ({ hostAddress, hostPort, port, protocol }: PortBinding): string =>
  `${formatAddress(hostAddress)} ${hostPort} ${port}/${protocol}`;

/** Another program's attempt to listen, with each way of sharing a port that there is. */
async function tcpOutcomes(host: string, port: number): Promise<string[]> {
  const outcomes: string[] = [];
  for (const reusePort of [false, true]) {
    const server = createServer();
    server.listen({ host, port, reusePort, ipv6Only: host === "::" });
    const [outcome] = await Promise.race([
      once(server, "listening").then(() => ["free"]),
      once(server, "error").catch((error: NodeJS.ErrnoException) => [error.code]),
    ]).catch((error: NodeJS.ErrnoException) => [error.code]);
    outcomes.push(String(outcome));
    server.close();
  }
  return outcomes;
}

async function udpOutcomes(host: string, port: number): Promise<string[]> {
  const outcomes: string[] = [];
  for (const sharing of [{}, { reuseAddr: true }, { reusePort: true }]) {
    const socket = createSocket({
      type: host.includes(":") ? "udp6" : "udp4",
      ipv6Only: host === "::",
      ...sharing,
    });
    socket.bind(port, host);
    const outcome = await once(socket, "listening").then(
      () => "free",
      (error: NodeJS.ErrnoException) => String(error.code),
    );
    outcomes.push(outcome);
    socket.close();
  }
  return outcomes;
}

const HOSTS = ["0.0.0.0", "::", "127.0.0.1", "::1", "10.9.0.1", "2001:db8::1"];
const taken = (count: number) => Array<string>(count).fill("EADDRINUSE");
const free = (count: number) => Array<string>(count).fill("free");

/** Of another program. */
const hold = (at: string, port: number, protocol: "tcp" | "udp" = "tcp"): number =>
  holdPort({ protocol, address: parseAddress(at), port, dual: false });

test("a port on all addresses of both families is one descriptor, and nobody else's", async () => {
  const before = openSockets();
  const lease = await ports.take([request(80, 8080), request(53, 5353, { protocol: "udp" })], ANY);
  assert.equal(openSockets(), before + 2);
  assert.deepEqual(lease.bindings.map(text), [
    "0.0.0.0 8080 80/tcp",
    ":: 8080 80/tcp",
    "0.0.0.0 5353 53/udp",
    ":: 5353 53/udp",
  ]);
  for (const host of HOSTS) {
    assert.deepEqual(await tcpOutcomes(host, 8080), taken(2), host);
    assert.deepEqual(await udpOutcomes(host, 5353), taken(3), host);
    assert.deepEqual(await udpOutcomes(host, 8080), free(3), host);
  }
  await lease.release();
  assert.deepEqual(lease.bindings, []);
  assert.equal(openSockets(), before);
  for (const host of HOSTS) assert.deepEqual(await tcpOutcomes(host, 8080), free(2), host);
});

test("families and addresses are held each for itself", async () => {
  const places = ["0.0.0.0", "::"].map((at) => ports.take([request(80, 8081, { at })], ANY));
  const [four, six] = await Promise.all(places);
  await four?.release();
  assert.deepEqual(await tcpOutcomes("127.0.0.1", 8081), free(2));
  assert.deepEqual(await tcpOutcomes("::1", 8081), taken(2));
  await six?.release();

  const own = await ports.take(
    ["127.0.0.1", "10.9.0.1", "2001:db8::1"].map((at) => request(80, 8081, { at })),
    ANY,
  );
  assert.deepEqual(await tcpOutcomes("::1", 8081), free(2));
  for (const host of ["127.0.0.1", "10.9.0.1", "2001:db8::1", "0.0.0.0", "::"]) {
    assert.deepEqual(await tcpOutcomes(host, 8081), taken(2), host);
  }
  await own.release();
});

test("who takes any port takes none that another of the same container names", async () => {
  const first = await ports.take([request(80)], ANY);
  const given = first.bindings[0]?.hostPort ?? 0;
  const next = given === 0xffff ? given - 1 : given + 1;
  const lease = await ports.take([request(80), request(81, `${next}-${next + 1}`), request(82, next)], ANY);
  assert.deepEqual(
    lease.bindings.filter(({ port }) => port !== 80).map(({ port, hostPort }) => [port, hostPort]),
    [82, 82, 81, 81].map((port) => [port, port === 82 ? next : next + 1]),
  );
  await Promise.all([first.release(), lease.release()]);
});

test("a port that another program has is refused in Docker's words, and nothing is kept", async () => {
  const other = hold("127.0.0.1", 8101);
  const before = openSockets();
  await assert.rejects(ports.take([request(80, 8100), request(81, 8101), request(82, 8102)], ANY), {
    kind: "internal",
    message: "Bind for 0.0.0.0:8101 failed: port is already allocated",
  });
  await assert.rejects(ports.take([request(80, 8100, { at: "::" }), request(81, 8100, { at: "::1" })], ANY), {
    message: "Bind for ::1:8100 failed: port is already allocated",
  });
  assert.equal(openSockets(), before);
  for (const port of [8100, 8102]) assert.deepEqual(await tcpOutcomes("0.0.0.0", port), free(2));
  closeSync(other);
  const lease = await ports.take([request(81, 8101)], ANY);
  await assert.rejects(ports.take([request(80, 8101)], ANY), {
    message: "Bind for 0.0.0.0:8101 failed: port is already allocated",
  });
  await lease.release();
});

test("an address that is not the host's is refused", async () => {
  for (const protocol of ["tcp", "udp"] as const) {
    await assert.rejects(ports.take([request(80, 8100, { at: "192.0.2.1", protocol })], ANY), {
      kind: "internal",
      message: `failed to bind host port 192.0.2.1:8100/${protocol}: cannot assign requested address`,
    });
  }
  await assert.rejects(ports.take([request(80, 8100, { at: "2001:db8::ff" })], ANY), {
    message: "failed to bind host port [2001:db8::ff]:8100/tcp: cannot assign requested address",
  });
  await assert.rejects(ports.take([{ ...request(80), port: 0 }], ANY), { kind: "invalid" });
});

test("of a range the first is taken that is free at all addresses", async () => {
  const others = [hold("127.0.0.1", 8200), hold("::1", 8202)];
  const range = request(80, "8200-8204");
  const first = await ports.take([range, range], ANY);
  const hostPortsOf = ({ bindings }: typeof first) => bindings.map(({ hostPort }) => hostPort);
  assert.deepEqual(hostPortsOf(first), [8201, 8201, 8203, 8203]);
  const second = await ports.take([range, request(80, "8200-8204", { at: "10.9.0.1" })], ANY);
  assert.deepEqual(hostPortsOf(second), [8204, 8204, 8200]);
  const before = openSockets();
  await assert.rejects(ports.take([request(80, 8205), range], ANY), {
    message: "Bind for 0.0.0.0:8200-8204 failed: all ports are allocated",
  });
  assert.equal(openSockets(), before);
  await first.release();
  const again = await ports.take([range], ANY);
  assert.deepEqual(hostPortsOf(again), [8201, 8201]);
  await Promise.all([second, again].map((lease) => lease.release()));
  others.forEach(closeSync);
});

test("a port that nobody names is the next of the kernel's range, but for what is reserved", async () => {
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "40000 40007");
  writeFileSync("/proc/sys/net/ipv4/ip_local_reserved_ports", "40001,40004-40005");
  const engine = hostPorts();
  const other = hold("::1", 40_002);
  const take = async (...requests: ReturnType<typeof request>[]) => {
    const lease = await engine.take(requests, ANY);
    return { lease, given: lease.bindings.filter(({ hostAddress }) => hostAddress.family === 6) };
  };
  const portsOf = ({ given }: Awaited<ReturnType<typeof take>>) => given.map(({ hostPort }) => hostPort);
  const one = await take(request(80), request(81));
  assert.deepEqual(portsOf(one), [40_000, 40_003]);
  await one.lease.release();
  const two = await take(request(80), request(81), request(82));
  assert.deepEqual(portsOf(two), [40_006, 40_007, 40_000]);
  const udp = await take(request(53, 0, { protocol: "udp" }));
  assert.deepEqual(portsOf(udp), [40_000]);
  const three = await take(request(80));
  assert.deepEqual(portsOf(three), [40_003]);
  await assert.rejects(engine.take([request(80)], ANY), {
    message: "Bind for 0.0.0.0 failed: all ports are allocated",
  });
  closeSync(other);
  const four = await take(request(80));
  assert.deepEqual(portsOf(four), [40_002]);
  await engine.stop();
  writeFileSync("/proc/sys/net/ipv4/ip_local_reserved_ports", "");
  writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999");
});

test("where descriptors run out it is said, and those that were taken are given back", async () => {
  const before = openSockets();
  const limit = (soft: number) =>
    execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${soft}:`], { stdio: "inherit" });
  limit(200);
  await assert.rejects(
    ports.take(
      Array.from({ length: 300 }, (_, at) => request(80, 20_000 + at)),
      ANY,
    ),
    {
      kind: "internal",
      message: /^failed to bind host port 0\.0\.0\.0:20\d\d\d\/tcp: no descriptors are left/,
    },
  );
  assert.equal(openSockets(), before);
  execFileSync("prlimit", ["--pid", String(process.pid), "--nofile=4000:"]);
  const lease = await ports.take(
    Array.from({ length: 300 }, (_, at) => request(80, 20_000 + at)),
    ANY,
  );
  assert.equal(openSockets(), before + 300);
  await lease.release();
  assert.equal(openSockets(), before);
});

test("SCTP is kept apart with sockets or without, and without them a warning says so", async () => {
  const sctp = (port: number, at?: string) =>
    request(80, port, { protocol: "sctp", ...(at !== undefined && { at }) });
  let sockets = true;
  try {
    closeSync(holdPort({ protocol: "sctp", address: parseAddress("127.0.0.1"), port: 9999, dual: false }));
  } catch (thrown) {
    assert.ok(thrown instanceof KernelError && thrown.code === "EPROTONOSUPPORT", String(thrown));
    sockets = false;
  }
  const lease = await ports.take([sctp(9100)], ANY);
  assert.equal(lease.warnings.length, sockets ? 0 : 1);
  if (!sockets) assert.match(lease.warnings[0] ?? "", /^sctp: no hold for 0\.0\.0\.0:9100\/sctp: /);
  assert.equal(lease.bindings.length, 2);
  for (const at of ["0.0.0.0", "127.0.0.1", "::"]) {
    await assert.rejects(ports.take([sctp(9101), sctp(9100, at)], ANY), {
      message: `Bind for ${at}:9100 failed: port is already allocated`,
    });
  }
  const next = await ports.take([sctp(9101, "127.0.0.1"), sctp(9101, "10.9.0.1"), sctp(9101, "::")], ANY);
  await lease.release(lease.bindings.filter(({ hostAddress }) => hostAddress.family === 4));
  const four = await ports.take([sctp(9100, "0.0.0.0")], ANY);
  await assert.rejects(ports.take([sctp(9100, "::1")], ANY), { message: /already allocated/ });
  await Promise.all([lease, next, four].map((each) => each.release()));
  await (await ports.take([sctp(9100), sctp(9101)], ANY)).release();
});

test("bindings are given back one by one, and each leaves the others held", async () => {
  const before = openSockets();
  const lease = await ports.take([request(80, 8300), request(81, 8301)], ANY);
  const [four, six] = lease.bindings;
  assert.ok(four && six);
  await lease.release([six]);
  assert.deepEqual(lease.bindings.map(text).toSorted(), [
    "0.0.0.0 8300 80/tcp",
    "0.0.0.0 8301 81/tcp",
    ":: 8301 81/tcp",
  ]);
  assert.deepEqual(await tcpOutcomes("::1", 8300), free(2));
  assert.deepEqual(await tcpOutcomes("127.0.0.1", 8300), taken(2));
  await lease.release([six, four]);
  assert.deepEqual(await tcpOutcomes("127.0.0.1", 8300), free(2));
  assert.deepEqual(await tcpOutcomes("127.0.0.1", 8301), taken(2));
  await lease.release();
  await lease.release();
  assert.equal(openSockets(), before);
});

test("an engine that starts again holds what it had, and warns of what another has taken", async () => {
  const first = hostPorts();
  const own = ["127.0.0.1", "2001:db8::1"].map((at) => request(81, 8401, { at }));
  const lease = await first.take(
    [request(80, 8400), ...own, request(53, 8400, { protocol: "udp" }), request(82, 8402)],
    ANY,
  );
  const bindings = [...lease.bindings];
  await first.stop();
  const other = hold("127.0.0.1", 8402);
  const before = openSockets();
  const again = await ports.retake(bindings);
  assert.deepEqual(again.bindings.map(text).toSorted(), bindings.map(text).toSorted());
  assert.deepEqual(again.warnings, [
    "published port 0.0.0.0:8402/tcp is not held: hold :: port 8402/tcp: address already in use (EADDRINUSE)",
  ]);
  assert.equal(openSockets(), before + 4);
  for (const host of ["127.0.0.1", "::1"]) {
    assert.deepEqual(await tcpOutcomes(host, 8400), taken(2));
    assert.deepEqual(await udpOutcomes(host, 8400), taken(3));
  }
  assert.deepEqual(await tcpOutcomes("2001:db8::1", 8401), taken(2));
  assert.deepEqual(await tcpOutcomes("::1", 8401), free(2));
  await again.release();
  assert.equal(openSockets(), before);
  closeSync(other);
});

test("a thousand ports at once, by many at the same time, are all different and all given back", async () => {
  const before = openSockets();
  const leases = await Promise.all(
    Array.from({ length: 10 }, () =>
      ports.take(
        Array.from({ length: 100 }, () => request(80, "21000-21999")),
        ANY,
      ),
    ),
  );
  const given = new Set(leases.flatMap(({ bindings }) => bindings.map(({ hostPort }) => hostPort)));
  assert.equal(given.size, 1000);
  assert.equal(openSockets(), before + 1000);
  await assert.rejects(ports.take([request(80, "21000-21999")], ANY), { message: /all ports are allocated/ });
  await Promise.all(leases.map((lease) => lease.release()));
  assert.equal(openSockets(), before);
});
