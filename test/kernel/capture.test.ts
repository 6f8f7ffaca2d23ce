import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type CaptureOptions, type Capturing, capture, wantTimestamps } from "../../src/capture/capture.ts";
import { Lines } from "../../src/capture/lines/form.ts";
import { nameOfIn, namesOf } from "../../src/capture/names.ts";
import { fileOutlet, streamOutlet } from "../../src/capture/outlet.ts";
import { Pcapng } from "../../src/capture/pcapng/form.ts";
import { type Target, tappedOf } from "../../src/capture/tapped.ts";
import type { Tapped } from "../../src/capture/types.ts";
import { parseMac } from "../../src/lib/ip.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import { openPacketSocket, type PacketSocket } from "../../src/linux/packet-socket.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { readTopology } from "../../src/observe/read.ts";
import type { Namespace } from "../../src/observe/types.ts";
import { ethernet, icmp, ip4, udp, vlan } from "../support/frames.ts";
import { isolated } from "../support/isolated.ts";
import { readPcapng } from "../support/pcapng.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

/** A shell's word: wait until a link of a namespace carries what it is given, which comes a while after its carrier. */
const READY = `
ready() {
  for try in $(seq 500); do
    ip $1 link show dev $2 | grep -q 'qdisc noqueue.* state UP ' && return
    sleep 0.01
  done
}
`;

/** Two on a bridge, as an engine would have them; nothing speaks unless it is told to. */
sh(`${READY}
set -e
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add br0 type bridge
ip addr add 10.9.0.1/24 dev br0
ip link set br0 up
for n in 2 3; do
  ip netns add box$n
  nsenter --net=/run/netns/box$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip link add port$n master br0 type veth peer name eth0 address 02:42:0a:09:00:0$n netns box$n
  ip link set port$n up
  ip -n box$n link set lo up
  ip -n box$n addr add 10.9.0.$n/24 dev eth0
  ip -n box$n link set eth0 up
done
for n in 2 3; do ready "-n box$n" eth0; ready "" port$n; done; ready "" br0
# Everybody knows everybody: nobody asks in between.
bridge=$(cat /sys/class/net/br0/address)
for n in 2 3; do
  ip neigh add 10.9.0.$n lladdr 02:42:0a:09:00:0$n dev br0 nud permanent
  ip -n box$n neigh add 10.9.0.1 lladdr $bridge dev eth0 nud permanent
  ip -n box$n neigh add 10.9.0.$((5 - n)) lladdr 02:42:0a:09:00:0$((5 - n)) dev eth0 nud permanent
done
`);

after(wantTimestamps());
const topology = await readTopology({ engines: [] });
const named = (name: string): Namespace => {
  const found = [...topology.namespaces.values()].find((one) => one.name === name);
  assert.ok(found, `a namespace named ${name}`);
  return found;
};
const [host, box2] = [named("host"), named("box2")];
const linkOf = ({ id, links }: Namespace, name: string) => ({
  namespace: id,
  ifindex: links.find((link) => link.name === name)?.ifindex ?? 0,
});
const bridge: Target = { kind: "bridge", bridge: linkOf(host, "br0") };

/** Of one who sends frames as they are. */
const sender = (box: string): PacketSocket =>
  inNamespace(`/run/netns/${box}` as NetnsPath, () => openPacketSocket({ protocol: 0xffff }));
const senders = { box2: sender("box2"), box3: sender("box3") };
after(() => {
  for (const socket of Object.values(senders)) socket.close();
});
const send = (box: "box2" | "box3", frame: Uint8Array) =>
  senders[box].send(frame, linkOf(named(box), "eth0").ifindex);

const mac = (last: number) => Buffer.from(parseMac(`02:42:0a:09:00:0${last}`).replaceAll(":", ""), "hex");
/** UDP from box2 to box3, with a number in it. */
function datagram(number: number, to = mac(3)): Buffer {
  const frame = ethernet(0x0800, ip4(17, "10.9.0.2", "10.9.0.3", udp(5000, 9, Buffer.alloc(20, number))));
  to.copy(frame, 0);
  mac(2).copy(frame, 6);
  return frame;
}

/** What is sent here. Nobody takes the datagrams, and answers say so; bridges and hosts join groups when they like. */
const SENT = "icmp[icmptype] != icmp-unreach or udp";

let files = 0;

/** Captures into a file of its own. */
function captured(tapped: readonly Tapped[], options: Partial<CaptureOptions> = {}) {
  files += 1;
  const path = `/run/capture${files}.pcapng`;
  const form = new Pcapng({ snapLength: 262_144, names: namesOf(topology).values() });
  const open = () => fileOutlet(openSync(path, "wx", 0o600));
  const capturing: Capturing = capture(tapped, { form, open, filter: SENT, ...options });
  return {
    ...capturing,
    ended: capturing.ended,
    stop: () => capturing.stop(),
    read: () => readPcapng(readFileSync(path)),
  };
}

const seen = ({ packets }: ReturnType<typeof readPcapng>) =>
  packets.map(({ interface: { name }, way }) => `${name} ${way}`);

test("on a network each packet is there once, as it came", async () => {
  const run = captured(tappedOf(topology, bridge));
  const frames = [datagram(1), datagram(2, Buffer.alloc(6, 0xff)), datagram(3)];
  for (const frame of frames) send("box2", frame);
  sh("ping -qc1 -W5 10.9.0.2");
  run.stop();
  const summary = await run.ended;
  const file = run.read();
  assert.deepEqual(seen(file), [
    "host:port2 in",
    "host:port2 in",
    "host:port2 in",
    "host:br0 out",
    "host:port2 in",
  ]);
  assert.deepEqual(
    file.packets.slice(0, 3).map(({ bytes }) => bytes),
    frames,
  );
  assert.deepEqual(summary, { packets: 5, dropped: 0, bytes: summary.bytes, ended: "asked" });
  assert.deepEqual(
    file.interfaces.map(({ options }) => String(options.get(3))),
    [
      "host: br0, 10.9.0.1/24",
      "host: port2, port of br0, peer of eth0 in box2",
      "host: port3, port of br0, peer of eth0 in box3",
    ],
  );
  assert.equal(file.names.get("0a090002"), "box2");
});

test("of a container both ways are seen, its own loopback with them, each packet of that once", async () => {
  const run = captured(tappedOf(topology, { kind: "namespace", namespace: box2.id }));
  sh("nsenter --net=/run/netns/box2 sh -c 'ping -qc1 -W5 10.9.0.3; ping -qc1 -W5 127.0.0.1'");
  run.stop();
  await run.ended;
  assert.deepEqual(seen(run.read()), ["box2:eth0 out", "box2:eth0 in", "box2:lo in", "box2:lo in"]);
});

test("over a path each link tells its part, in order of time", async () => {
  const links = [
    linkOf(box2, "eth0"),
    linkOf(host, "port2"),
    linkOf(host, "port3"),
    linkOf(named("box3"), "eth0"),
  ];
  const run = captured(tappedOf(topology, { kind: "links", links }));
  send("box2", datagram(1));
  run.stop();
  await run.ended;
  const file = run.read();
  assert.deepEqual(seen(file), ["box2:eth0 out", "host:port2 in", "host:port3 out", "box3:eth0 in"]);
  const times = file.packets.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted());
});

const eth0 = tappedOf(topology, { kind: "links", links: [linkOf(box2, "eth0")] });

test("a filter leaves the rest out, in the kernel", async () => {
  const run = captured(eth0, { filter: "udp dst port 9 and udp[8] = 2" });
  for (const number of [1, 2, 3]) send("box2", datagram(number));
  run.stop();
  assert.equal((await run.ended).packets, 1);
  const { packets, statistics } = run.read();
  assert.deepEqual(
    packets.map(({ bytes }) => bytes),
    [datagram(2)],
  );
  assert.deepEqual(
    statistics.map(({ received, dropped }) => [received, dropped]),
    [[1n, 0n]],
  );
});

test("a wrong filter is refused in its compiler's words, and leaves no file", () => {
  assert.throws(
    () => captured(eth0, { filter: "tcp prot 80" }),
    /"tcp prot 80" is not understood: .*syntax error/,
  );
  assert.throws(() => readFileSync(`/run/capture${files}.pcapng`), { code: "ENOENT" });
});

test("limits are kept: packets, bytes of the file, time, bytes of a packet", async () => {
  const counted = captured(eth0, { count: 2 });
  const sized = captured(eth0, { size: 1200 });
  const cut = captured(eth0, { snapLength: 30, count: 1 });
  for (let number = 0; number < 20; number += 1) send("box2", datagram(number));
  const summaries = await Promise.all([counted.ended, sized.ended, cut.ended]);
  assert.deepEqual(
    summaries.map(({ ended }) => ended),
    ["count", "size", "count"],
  );
  assert.equal(counted.read().packets.length, 2);
  const size = summaries[1]?.bytes ?? 0;
  const one = 44 + 64;
  assert.ok(size <= 1200 && size > 1200 - one, `${size} bytes`);
  assert.equal(sized.read().packets.length, summaries[1]?.packets);
  assert.deepEqual(
    cut.read().packets.map(({ bytes, length }) => [bytes, length]),
    [[datagram(0).subarray(0, 30), datagram(0).length]],
  );
  const timed = captured(eth0, { time: 60 });
  send("box2", datagram(1));
  assert.deepEqual({ ...(await timed.ended), bytes: 0 }, { packets: 1, dropped: 0, bytes: 0, ended: "time" });
});

test("a tag is put back where it was", async () => {
  const tagged = ethernet(
    0x8100,
    vlan(7, 0x0800, ip4(17, "10.9.0.3", "10.9.0.2", udp(1, 2, Buffer.alloc(20)))),
  );
  mac(2).copy(tagged, 0);
  mac(3).copy(tagged, 6);
  const run = captured(eth0, { count: 1 });
  send("box3", tagged);
  assert.equal((await run.ended).packets, 1);
  const [packet] = run.read().packets;
  assert.deepEqual([packet?.bytes, packet?.length, packet?.way], [tagged, tagged.length, "in"]);
});

test("lines tell who speaks with whom, by name", async () => {
  const form = new Lines(nameOfIn(namesOf(topology)));
  const run = captured(eth0, { form, count: 2 });
  const answer = icmp(0, 0, 0x00070001, Buffer.alloc(8));
  const [question, answered] = [datagram(1), ethernet(0x0800, ip4(1, "10.9.0.3", "10.9.0.2", answer))];
  send("box2", question);
  mac(2).copy(answered, 0);
  mac(3).copy(answered, 6);
  send("box3", answered);
  await run.ended;
  const lines = readFileSync(`/run/capture${files}.pcapng`, "utf8").trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, "")),
    [
      "box2:eth0 out IP box2.5000 > box3.9: UDP, length 20",
      "box2:eth0 in  IP box3 > box2: ICMP echo reply, id 7, seq 1, length 16",
    ],
  );
});

test("a link that goes down comes back; one that goes away is told, and the last one ends it", async () => {
  sh("ip link add gone0 type veth peer name gone1; ip link set gone0 up; ip link set gone1 up");
  const now = await readTopology({ engines: [] });
  const here = now.namespaces.get(now.host);
  assert.ok(here);
  const links = [linkOf(here, "gone0"), linkOf(here, "gone1")];
  const gone: string[] = [];
  const run = captured(tappedOf(now, { kind: "links", links }), {
    filter: "",
    onGone: ({ name }, left) => gone.push(`${name}, ${left} left`),
  });
  sh(`${READY} ip link set gone0 down; ip link set gone0 up; ready "" gone0; ready "" gone1`);
  const socket = openPacketSocket({ protocol: 0xffff });
  socket.send(datagram(1), links[0]?.ifindex ?? 0);
  socket.close();
  await wait(100); // as long as a link that is down may be asked for, and more
  sh("ip link del gone0");
  const { packets, ended } = await run.ended;
  assert.deepEqual([packets, ended, gone.length, gone.at(-1)?.endsWith("0 left")], [2, "gone", 2, true]);
});

test("what a reader who stands still leaves behind is counted as lost", async () => {
  let still = true;
  const held: (() => void)[] = [];
  const reader = new Writable({
    highWaterMark: 1,
    write: (_bytes, _encoding, done) => {
      if (still) held.push(done);
      else done();
    },
  });
  const run = captured(eth0, { open: () => streamOutlet(reader) });
  while (held.length === 0) await wait(10); // what stands before the first packet is more than it takes
  for (let number = 0; number < 5; number += 1) send("box2", datagram(number));
  run.stop();
  still = false;
  for (const done of held) done();
  const { packets, dropped } = await run.ended;
  assert.deepEqual([packets, dropped], [0, 5]);
});

test("nothing is left: no socket, no link that was made to take what is not for it", () => {
  const sockets = readFileSync("/proc/net/packet", "utf8").trim().split("\n");
  assert.deepEqual(sockets.slice(1), []);
  assert.match(sh("ip -d link show br0"), /promiscuity 0/);
});
