/** Who reaches whom, and who can pretend to be whom. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Mac, parseAddress, parseMac } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { cleanNetworks } from "../../src/network/reconcile/clean.ts";
import type { Networks, Sandbox } from "../../src/network/types.ts";
import { isolated } from "../support/isolated.ts";
import { settings } from "../support/networks.ts";
import { addOutside, inside, KernelHost, noEcho, pings, plugOf, sh, succeeds } from "./network-fixture.ts";
import { arp, FrameSocket, other, udp } from "./network-frames.ts";

isolated(import.meta);

const kernel = await startKernel();
const host = new KernelHost(kernel);
let networks: Networks;
let a: Sandbox;
let b: Sandbox;

before(async () => {
  // What the rules alone must hold against: the host's other defences are off.
  sh(`sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.all.accept_local=1`);
  addOutside();
  networks = await host.start();
  a = await networks.openSandbox(host.request("a"));
  b = await networks.openSandbox(host.request("b"));
});

after(async () => {
  await cleanNetworks({ kernel, store: host.store, execRoot: host.execRoot });
  await kernel.close();
  await host.remove();
});

const outside = (command: string): boolean => succeeds(`ip netns exec outside ${command}`);

describe("who reaches whom", () => {
  test("containers of one bridge each other, the gateway, and the host's other address", () => {
    assert.ok(pings(a, "172.17.0.3") && pings(b, "172.17.0.2"));
    assert.ok(pings(a, "172.17.0.1"));
    assert.ok(pings(a, "203.0.113.2"));
  });

  test("the host a container", () => assert.ok(pings("host", "172.17.0.2")));

  test("a container the outside, which has no way back to it: it is masqueraded", () => {
    assert.ok(pings(a, "203.0.113.1"));
    assert.ok(pings(a, "198.51.100.1"));
    assert.equal(sh("ip -n outside route get 172.17.0.2 2>&1 || true").includes("via"), false);
  });

  test("the outside no container, not even when routed at the host", () => {
    sh("ip -n outside route add 172.17.0.0/16 via 203.0.113.2");
    try {
      assert.ok(!outside("ping -c1 -W0.3 172.17.0.2"));
      assert.ok(outside("ping -c1 -W1 172.17.0.1"), "the host's own address, as any other of its addresses");
    } finally {
      sh("ip -n outside route del 172.17.0.0/16");
    }
  });

  test("nobody another link through this host, since it was the engine that turned forwarding on", () => {
    sh(`ip netns add lan; ip link add lan0 type veth peer name eth0 netns lan
      ip addr add 192.0.2.1/24 dev lan0; ip link set lan0 up
      ip -n lan addr add 192.0.2.2/24 dev eth0; ip -n lan link set eth0 up; ip -n lan route add default via 192.0.2.1
      ip -n outside route add 192.0.2.0/24 via 203.0.113.2
      for i in $(seq 200); do ip link show lan0 | grep -q "state UP" && break; sleep 0.02; done`);
    try {
      assert.ok(!outside("ping -c1 -W0.3 192.0.2.2"));
      assert.ok(pings(a, "192.0.2.2"), "a container may");
    } finally {
      sh("ip link del lan0; ip netns del lan; ip -n outside route del 192.0.2.0/24 || true");
    }
  });

  test("containers of another bridge nobody here, though they reach its gateway", () => {
    sh(`ip link add other0 type bridge; ip addr add 10.88.0.1/16 dev other0; ip link set other0 up
      ip netns add stranger; ip link add str0 type veth peer name eth0 netns stranger
      ip link set str0 master other0 up; ip -n stranger addr add 10.88.0.2/16 dev eth0
      ip -n stranger link set eth0 up; ip -n stranger route add default via 10.88.0.1
      nft 'add element inet drawbridge bridges { "other0" }'`);
    try {
      // A port made by hand takes its time to forward.
      assert.ok(succeeds("ip netns exec stranger ping -c1 -i0.1 -w5 10.88.0.1"));
      assert.ok(!succeeds("ip netns exec stranger ping -c1 -W0.3 172.17.0.2"));
      assert.ok(succeeds("ip netns exec stranger ping -c1 -W1 172.17.0.1"));
      assert.ok(noEcho(a, "10.88.0.2"));
      assert.ok(pings(a, "10.88.0.1"));
    } finally {
      sh(`nft 'delete element inet drawbridge bridges { "other0" }'
        ip link del other0; ip link del str0; ip netns del stranger`);
    }
  });
});

describe("the host's loopback", () => {
  test("is out of a container's and a neighbour's reach, with route_localnet on", async () => {
    const server = createSocket("udp4").bind(0, "0.0.0.0");
    await once(server, "listening");
    const heard: string[] = [];
    server.on("message", (message, from) => heard.push(`${message} from ${from.address}`));
    try {
      const { port: dport } = server.address();
      const docker0 = sh("cat /sys/class/net/docker0/address").trim() as Mac;
      const { mac, address, peerIfindex } = plugOf(a);
      using socket = new FrameSocket(a.key, peerIfindex);
      const from = address.address;
      const send = (text: string, to: string, sender = from) =>
        socket.send(udp(docker0, mac, { from: sender, to: parseAddress(to), sport: 9, dport, text }));
      send("to loopback", "127.0.0.1");
      send("to loopback net", "127.1.2.3");
      send("to the gateway", "172.17.0.1");
      await once(server, "message");
      assert.deepEqual(heard, ["to the gateway from 172.17.0.2"]);

      const eth0 = sh("cat /sys/class/net/eth0/address").trim() as Mac;
      const neighbour = sh("ip netns exec outside cat /sys/class/net/eth0/address").trim() as Mac;
      using wire = new FrameSocket("/run/netns/outside" as typeof a.key, outsideIndex());
      const shout = (text: string, to: string, sender: string) =>
        wire.send(
          udp(eth0, neighbour, { from: parseAddress(sender), to: parseAddress(to), sport: 9, dport, text }),
        );
      shout("to loopback", "127.0.0.1", "203.0.113.1");
      shout("as loopback", "203.0.113.2", "127.0.0.1");
      shout("to the host", "203.0.113.2", "203.0.113.1");
      await once(server, "message");
      assert.equal(heard.at(-1), "to the host from 203.0.113.1");
      assert.equal(heard.length, 2);
    } finally {
      server.close();
    }
  });
});

const outsideIndex = (): number => Number(sh("ip netns exec outside cat /sys/class/net/eth0/ifindex"));

describe("the guard at a container's port", () => {
  const SECRET = "spoofed";
  const MARK = "the last frame";
  const BROADCAST = "ff:ff:ff:ff:ff:ff" as Mac;
  const NOBODY = "00:00:00:00:00:00" as Mac;
  const address = (text: string) => parseAddress(text);

  /** What `b` sees of `frames` that `a` sends, but for the mark that follows them. */
  async function seen(...frames: Buffer[]): Promise<Buffer[]> {
    const [from, to] = [plugOf(a), plugOf(b)];
    using sender = new FrameSocket(a.key, from.peerIfindex);
    using receiver = new FrameSocket(b.key, to.peerIfindex);
    for (const each of frames) sender.send(each);
    sender.send(
      udp(to.mac, from.mac, {
        from: from.address.address,
        to: to.address.address,
        sport: 9,
        dport: 9,
        text: MARK,
      }),
    );
    const all = await receiver.receiveUntil((each) => each.includes(MARK));
    const sent = new Set(frames.map((each) => each.toString("hex")));
    return all.filter((each) => sent.has(each.toString("hex")));
  }

  const packet = (more: Partial<Parameters<typeof udp>[2]> = {}) => ({
    from: address("172.17.0.2"),
    to: address("172.17.0.3"),
    sport: 1000,
    dport: 1000,
    text: SECRET,
    ...more,
  });
  const macs = () => ({ own: plugOf(a).mac, theirs: plugOf(b).mac, false: parseMac("02:42:ac:11:00:63") });

  test("lets its own IPv4 and ARP pass", async () => {
    const { own, theirs } = macs();
    const frames = [
      udp(theirs, own, packet()),
      arp(BROADCAST, own, {
        operation: "request",
        sender: { mac: own, ip: address("172.17.0.2") },
        target: { mac: NOBODY, ip: address("172.17.0.77") },
      }),
      // RFC 5227: a probe.
      arp(BROADCAST, own, {
        operation: "request",
        sender: { mac: own, ip: address("0.0.0.0") },
        target: { mac: NOBODY, ip: address("172.17.0.78") },
      }),
      // A DHCP client asks a relay; only offers are held back.
      udp(theirs, own, packet({ sport: 68, dport: 67 })),
    ];
    assert.equal((await seen(...frames)).length, frames.length);
  });

  const forged: Record<string, () => Buffer> = {
    "another's MAC address": () => udp(macs().theirs, macs().false, packet()),
    "another's IPv4 address": () => udp(macs().theirs, macs().own, packet({ from: address("172.17.0.1") })),
    "an IPv4 address of nobody": () =>
      udp(macs().theirs, macs().own, packet({ from: address("198.51.100.9") })),
    "a DHCP offer": () => udp(macs().theirs, macs().own, packet({ sport: 67, dport: 68 })),
    "ARP for the gateway's address": () =>
      arp(macs().theirs, macs().own, {
        operation: "reply",
        sender: { mac: macs().own, ip: address("172.17.0.1") },
        target: { mac: macs().theirs, ip: address("172.17.0.3") },
      }),
    "ARP with another's MAC address inside": () =>
      arp(macs().theirs, macs().own, {
        operation: "reply",
        sender: { mac: macs().false, ip: address("172.17.0.2") },
        target: { mac: macs().theirs, ip: address("172.17.0.3") },
      }),
    "ARP in a frame from another's MAC address": () =>
      arp(macs().theirs, macs().false, {
        operation: "request",
        sender: { mac: macs().own, ip: address("172.17.0.2") },
        target: { mac: NOBODY, ip: address("172.17.0.3") },
      }),
    "an ARP probe with another's MAC address inside": () =>
      arp(BROADCAST, macs().own, {
        operation: "request",
        sender: { mac: macs().false, ip: address("0.0.0.0") },
        target: { mac: NOBODY, ip: address("172.17.0.3") },
      }),
    "an ARP reply from 0.0.0.0": () =>
      arp(macs().theirs, macs().own, {
        operation: "reply",
        sender: { mac: macs().own, ip: address("0.0.0.0") },
        target: { mac: macs().theirs, ip: address("172.17.0.3") },
      }),
    "a router advertisement, or any IPv6": () => other(macs().theirs, macs().own, 0x86dd, SECRET),
    "a VLAN tag": () => other(macs().theirs, macs().own, 0x8100, SECRET),
    "a protocol of its own": () => other(macs().theirs, macs().own, 0x88b5, SECRET),
  };
  for (const [name, frame] of Object.entries(forged)) {
    test(`drops ${name}`, async () => assert.deepEqual(await seen(frame()), []));
  }

  test("keeps the bridge from learning another's place, by frames to reserved addresses as well", async () => {
    const { own, theirs } = macs();
    const reserved = [..."0123456789abcdef"].map((digit) => `01:80:c2:00:00:0${digit}` as Mac);
    const taught = parseMac("02:42:ac:11:00:64");
    await seen(
      ...reserved.flatMap((to) => [theirs, taught].map((from) => other(to, from, 0x88cc, SECRET))),
      udp(theirs, taught, packet()),
    );
    const known = sh("bridge fdb show br docker0");
    const port = plugOf(a).hostInterface;
    assert.match(known, new RegExp(`^${own} dev ${port}`, "m"));
    assert.doesNotMatch(known, new RegExp(`^(${theirs}|${taught}) dev ${port}`, "m"));
  });
});

describe("--icc=false", () => {
  test("containers reach gateway and outside, not each other, not even by way of the gateway", async () => {
    const bridge = { ...settings.bridge, icc: false };
    const again = await host.start({
      settings: { ...settings, bridge },
      alive: [a.container, b.container],
    });
    const { mac } = plugOf(b);
    // Without it, frames of one bridge never come to the inet tables.
    const filtered = existsSync("/proc/sys/net/bridge") ? ["1", "0"] : [];
    for (const value of filtered) {
      sh(`sysctl -qw net.bridge.bridge-nf-call-iptables=${value}`);
      assert.ok(noEcho(a, "172.17.0.3"));
    }
    assert.ok(pings(a, "172.17.0.1"));
    assert.ok(pings(a, "203.0.113.1"));
    assert.ok(pings("host", "172.17.0.3"));
    assert.ok(noEcho(a, "172.17.0.3"));
    sh(inside(a, "ip route add 172.17.0.3/32 via 172.17.0.1"));
    sh(
      `ip neigh replace 172.17.0.3 lladdr ${mac} dev docker0; sysctl -qw net.ipv4.conf.all.send_redirects=0`,
    );
    assert.ok(noEcho(a, "172.17.0.3"));
    const c = await again.openSandbox(host.request("c"));
    assert.ok(noEcho(c, "172.17.0.2"));
  });
});
