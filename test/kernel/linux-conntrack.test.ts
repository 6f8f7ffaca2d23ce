import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, beforeEach, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { ConnectionForgetter } from "../../src/linux/conntrack/forgetter.ts";
import type { ConnectionFilter } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("bash", ["-c", command], { encoding: "utf8" });

const kernel = await startKernel();
after(() => kernel.close());

// A client and a server, and between them this namespace, which leads the client's packets on.
sh(`
  set -e
  for name in client server; do
    ip netns add $name
    ip link add $name type veth peer name eth0 netns $name
    ip link set $name up; ip -n $name link set lo up; ip -n $name link set eth0 up
  done
  ip addr add 10.0.1.1/24 dev client; ip -n client addr add 10.0.1.2/24 dev eth0
  ip addr add 10.0.2.1/24 dev server; ip -n server addr add 10.0.2.2/24 dev eth0
  ip -n client addr add fd00:1::2/64 dev eth0 nodad; ip addr add fd00:1::1/64 dev client nodad
  ip -n server addr add fd00:2::2/64 dev eth0 nodad; ip addr add fd00:2::1/64 dev server nodad
  ip -n client route add default via 10.0.1.1; ip -n server route add default via 10.0.2.1
  ip -n client route add default via fd00:1::1; ip -n server route add default via fd00:2::1
  sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
`);
await kernel.nft(`table inet t {
  chain pre {
    type nat hook prerouting priority dstnat
    ip daddr 10.0.1.1 udp dport 5300-5399 dnat ip to 10.0.2.2:53
    ip daddr 10.0.1.1 tcp dport 8080 dnat ip to 10.0.2.2:80
    ip6 daddr fd00:1::1 udp dport 5300 dnat ip6 to [fd00:2::2]:53
  }
  chain tracked { type filter hook forward priority 0; ct state new accept; }
}`);

const server = spawn("nsenter", [
  "--net=/run/netns/server",
  process.execPath,
  "-e",
  `
  require("net").createServer((socket) => socket.pipe(socket)).listen(80, "10.0.2.2", () => console.log("up"));
`,
]);
after(() => server.kill("SIGKILL"));
await once(server.stdout, "data");

const from = (netns: string, command: string) => sh(`nsenter --net=/run/netns/${netns} bash -c '${command}'`);
const udp = (address: string, port: number) => from("client", `echo hello > /dev/udp/${address}/${port}`);

/** Without what neighbour discovery leaves. */
const tracked = (): string[] =>
  readFileSync("/proc/thread-self/net/nf_conntrack", "utf8")
    .split("\n")
    .filter((line) => /udp|tcp/.test(line));

const UDP = 17;
const TCP = 6;
const PUBLISHED: ConnectionFilter = {
  family: 4,
  protocol: UDP,
  originalDestination: parseAddress("10.0.1.1"),
  originalPort: 5300,
};

beforeEach(async () => {
  await kernel.forgetConnections([{ family: 4 }, { family: 6 }]);
  assert.deepEqual(tracked(), []);
});

test("of an empty table nothing is forgotten", async () => {
  assert.equal(await kernel.forgetConnections([PUBLISHED]), 0);
  assert.equal(await kernel.forgetConnections([]), 0);
});

test("flows to one published port are forgotten, and no others", async () => {
  for (const port of [5300, 5300, 5301]) udp("10.0.1.1", port);
  udp("10.0.2.2", 53);
  udp("fd00:1::1", 5300);
  assert.equal(tracked().length, 5);
  assert.equal(await kernel.forgetConnections([]), 0);
  assert.equal(await kernel.forgetConnections([{ ...PUBLISHED, protocol: TCP }]), 0);
  assert.equal(await kernel.forgetConnections([{ ...PUBLISHED, originalPort: 5399 }]), 0);
  assert.equal(await kernel.forgetConnections([{ ...PUBLISHED, replyPort: 54 }]), 0);
  assert.equal(tracked().length, 5);
  assert.equal(await kernel.forgetConnections([PUBLISHED]), 2);
  assert.equal(tracked().length, 3);
  assert.ok(!tracked().some((line) => line.includes("dport=5300") && line.includes("ipv4")));
});

const SHAPES: readonly { name: string; filter: ConnectionFilter; forgotten: number }[] = [
  { name: "a family", filter: { family: 4 }, forgotten: 4 },
  { name: "the other family", filter: { family: 6 }, forgotten: 1 },
  { name: "a protocol", filter: { family: 4, protocol: UDP }, forgotten: 3 },
  { name: "whoever answers", filter: { family: 4, replySource: parseAddress("10.0.2.2") }, forgotten: 4 },
  {
    name: "where answers come from, with a protocol",
    filter: { family: 4, protocol: UDP, replySource: parseAddress("10.0.2.2"), replyPort: 53 },
    forgotten: 3,
  },
  { name: "a port without a protocol", filter: { family: 4, originalPort: 8080 }, forgotten: 1 },
  { name: "a port of answers without a protocol", filter: { family: 4, replyPort: 53 }, forgotten: 3 },
  { name: "an address", filter: { family: 4, originalDestination: parseAddress("10.0.2.2") }, forgotten: 1 },
  {
    name: "an address that answers, v6",
    filter: { family: 6, protocol: UDP, replySource: parseAddress("fd00:2::2") },
    forgotten: 1,
  },
  {
    name: "TCP, whole",
    filter: { ...PUBLISHED, protocol: TCP, originalPort: 8080, replyPort: 80 },
    forgotten: 1,
  },
];

for (const { name, filter, forgotten } of SHAPES) {
  test(`what is forgotten: ${name}`, async () => {
    udp("10.0.1.1", 5300);
    udp("10.0.1.1", 5301);
    udp("10.0.2.2", 53);
    udp("fd00:1::1", 5300);
    assert.equal(from("client", "exec 3<>/dev/tcp/10.0.1.1/8080; echo hello >&3; head -n1 <&3"), "hello\n");
    assert.equal(tracked().length, 5);
    assert.equal(await kernel.forgetConnections([filter]), forgotten);
    assert.equal(tracked().length, 5 - forgotten);
  });
}

test("many filters of several shapes are one look through the table, and each flow is counted once", async () => {
  from("client", "for port in {5300..5399}; do echo hello > /dev/udp/10.0.1.1/$port; done");
  udp("fd00:1::1", 5300);
  assert.equal(tracked().length, 101);
  const filters = Array.from({ length: 5000 }, (_, index) => ({ ...PUBLISHED, originalPort: 5310 + index }));
  const others: ConnectionFilter[] = [
    { family: 4, originalPort: 5320 },
    { family: 4, originalPort: 5305 },
    { family: 6, replySource: parseAddress("fd00:2::2") },
  ];
  assert.equal(await kernel.forgetConnections([...filters, ...others]), 90 + 1 + 1);
  assert.equal(tracked().length, 9);
});

test("what is asked for at once shares two looks, and each is told of its own", async () => {
  from("client", "for port in {5300..5309}; do echo hello > /dev/udp/10.0.1.1/$port; done");
  const forgetter = new ConnectionForgetter();
  const told = await Promise.all([
    ...Array.from({ length: 50 }, (_, index) =>
      forgetter.forget([{ ...PUBLISHED, originalPort: 5300 + index }]),
    ),
    forgetter.forget([{ family: 4, protocol: UDP, replyPort: 53 }]),
    forgetter.forget([]),
  ]);
  // The first was gone when the others were looked for.
  assert.deepEqual(told, [...Array(10).fill(1), ...Array(40).fill(0), 9, 0]);
  assert.ok(forgetter.looks <= 2, `${forgetter.looks} looks`);
  const waiting = forgetter.forget([{ family: 4 }]);
  await forgetter.close();
  assert.equal(await waiting, 0);
  assert.deepEqual(tracked(), []);
});

test("a flow goes where the rules say now, once it is forgotten", async () => {
  const before = createSocket("udp4");
  before.bind(5400, "10.0.1.1");
  await once(before, "listening");
  const words = "exec 3>/dev/udp/10.0.1.1/5400; echo one >&3; read -r; echo two >&3";
  const client = spawn("nsenter", ["--net=/run/netns/client", "bash", "-c", words], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const gone = once(client, "exit");
  await once(before, "message");
  before.close();
  await kernel.nft("insert rule inet t pre ip daddr 10.0.1.1 udp dport 5400 dnat ip to 10.0.2.2:53");
  assert.equal(await kernel.forgetConnections([{ ...PUBLISHED, originalPort: 5400 }]), 1);
  client.stdin.end("\n");
  await gone;
  assert.equal(tracked().length, 1);
  assert.match(tracked().join(), /dport=5400 .*src=10\.0\.2\.2 .*sport=53 /);
});
