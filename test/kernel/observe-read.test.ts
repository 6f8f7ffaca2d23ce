/** What is read of a namespace is what ip(8) and bridge(8) show of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { before, test } from "node:test";
import { formatAddress } from "../../src/lib/ip.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../src/linux/netlink/socket.ts";
import { makeNamespace } from "../../src/linux/netns.ts";
import { changeLink } from "../../src/linux/rtnetlink/link.ts";
import { readNamespace, readTopology } from "../../src/observe/read.ts";
import type { Namespace, Topology } from "../../src/observe/types.ts";
import { isolated } from "../support/isolated.ts";
import { furnish, told } from "./observe-fixture.ts";

isolated(import.meta);

let topology: Topology;
let host: Namespace;
before(async () => {
  furnish();
  topology = await readTopology({ engines: [] });
  const found = topology.namespaces.get(topology.host);
  assert.ok(found);
  host = found;
});

const linkName = (ifindex: number | undefined) => host.links.find((link) => link.ifindex === ifindex)?.name;

test("nothing is left unread", () => {
  assert.deepEqual(topology.unread, []);
  assert.deepEqual(
    [...topology.namespaces.values()].map(({ name, unread }) => [name, unread]),
    [
      ["host", []],
      ["blue", []],
    ],
  );
});

test("links", () => {
  const states = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];
  const ours = host.links.map((link) => ({
    ifindex: link.ifindex,
    ifname: link.name,
    mtu: link.mtu,
    operstate: states[link.operState],
    ...(link.master !== undefined && { master: linkName(link.master) }),
    ...(link.mac !== undefined && { address: link.mac }),
    ...(link.alias !== undefined && { ifalias: link.alias }),
    kind: link.kind,
    up: link.up,
    carrier: link.carrier,
    loopback: link.loopback,
    noArp: link.noArp,
    promiscuous: link.promiscuous,
    other: link.other?.ifindex,
  }));
  const theirs = told("ip -j -d link").map((link) => ({
    ifindex: link.ifindex,
    ifname: link.ifname,
    mtu: link.mtu,
    operstate: link.operstate,
    ...(link.master !== undefined && { master: link.master }),
    ...(link.address !== undefined && { address: link.address }),
    ...(link.ifalias !== undefined && { ifalias: link.ifalias }),
    kind: link.linkinfo?.info_kind,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    loopback: link.flags.includes("LOOPBACK"),
    noArp: link.flags.includes("NOARP"),
    promiscuous: link.promiscuity > 0,
    other: link.link_index ?? host.links.find(({ name }) => name === link.link)?.ifindex,
  }));
  assert.deepEqual(ours, theirs);
});

test("counters", () => {
  execFileSync("ping", ["-c", "3", "-i", "0.01", "-q", "127.0.0.1"]);
  const lo = readNamespace("/proc/self/ns/net").links.find(({ name }) => name === "lo");
  const [{ stats64 }] = told("ip -j -s link show lo");
  assert.deepEqual(Object.values(lo?.counters ?? {}).map(Number), [
    stats64.rx.packets,
    stats64.tx.packets,
    stats64.rx.bytes,
    stats64.tx.bytes,
    0,
    0,
    0,
    0,
  ]);
  assert.ok(stats64.rx.packets >= 6);
});

test("kinds of links, and what is peculiar to them", () => {
  const link = (name: string) => host.links.find((one) => one.name === name);
  assert.deepEqual(link("br0")?.bridge, {
    callIptables: true,
    callIp6tables: false,
    vlanFiltering: false,
    stp: false,
    ageing: 12300,
    multicastSnooping: false,
  });
  assert.deepEqual(link("v0")?.port, {
    state: 3,
    hairpin: true,
    isolated: true,
    learning: false,
    unicastFlood: false,
    neighSuppress: true,
  });
  assert.equal(link("mv0")?.macvlanMode, "private");
  assert.deepEqual(link("vx0")?.vxlan, { id: 77, port: 4790 });
  assert.equal(link("p0")?.qdisc, "clsact");
  assert.equal(link("v0")?.qdisc, undefined);
  assert.equal(link("tun0")?.hardware, 65534);
});

test("a pair across namespaces leads from each end to the other", () => {
  const blue = [...topology.namespaces.values()].find(({ name }) => name === "blue");
  const [p0, eth0] = [host, blue].map((one, i) => one?.links.find(({ name }) => name === ["p0", "eth0"][i]));
  assert.deepEqual(p0?.other, { ifindex: eth0?.ifindex, namespace: blue?.id });
  assert.deepEqual(eth0?.other, { ifindex: p0?.ifindex, namespace: host.id });
  assert.deepEqual(blue?.pins, ["/run/netns/blue"]);
  assert.deepEqual(
    readNamespace("/run/netns/blue").links.map(({ other }) => other),
    blue?.links.map(({ other }) => other),
  );
});

test("what stands on a link of another namespace leads there; to one that can't be found, nowhere", async () => {
  execFileSync("ip", ["link", "add", "link", "v1", "name", "mv1", "netns", "blue", "type", "macvlan"]);
  execFileSync("ip", ["link", "add", "lost0", "type", "veth", "peer", "name", "lost1"]);
  // Only this descriptor keeps it: neither a process nor a file shows it.
  const { fd } = makeNamespace(() => undefined);
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  socket.request(changeLink("move", { ifindex: socket.ifindex("find", "lost1"), netnsFd: fd }));
  socket.close();
  const { namespaces, unread } = await readTopology({ engines: [] });
  closeSync(fd);
  const links = [...namespaces.values()].flatMap((one) => one.links);
  const v1 = links.find(({ name }) => name === "v1")?.ifindex;
  assert.deepEqual(links.find(({ name }) => name === "mv1")?.other, { ifindex: v1, namespace: host.id });
  const lost = links.find(({ name }) => name === "lost0");
  assert.deepEqual(Object.keys(lost?.other ?? {}), ["ifindex"]);
  assert.deepEqual(unread, []);
  execFileSync("ip", ["-n", "blue", "link", "del", "mv1"]);
  // The pair goes with its namespace, in a while of the kernel's own.
  execFileSync("sh", [
    "-c",
    "for i in $(seq 200); do ip link show lost0 >/dev/null 2>&1 || exit 0; sleep 0.02; done; exit 1",
  ]);
});

test("who may not enter namespaces reads the own one, and is told what is missing", async () => {
  process.seteuid?.(65534);
  const partly = await readTopology({ engines: [] }).finally(() => process.seteuid?.(0));
  const own = partly.namespaces.get(partly.host);
  assert.deepEqual(
    own?.links.map(({ name }) => name),
    host.links.map(({ name }) => name),
  );
  assert.equal(own?.routes.length, host.routes.length);
  assert.match(own?.unread.join() ?? "", /rules of nftables can't be read: .*EPERM/);
  assert.equal(partly.namespaces.size, 1);
  assert.match(partly.unread.join(), /netns\/blue can't be read: .*EPERM/);
});

test("settings of links, each as its file has it", () => {
  const files = {
    forwarding4: "ipv4/conf/mv0/forwarding",
    reversePathFilter: "ipv4/conf/mv0/rp_filter",
    routeLocalnet: "ipv4/conf/mv0/route_localnet",
    proxyArp: "ipv4/conf/mv0/proxy_arp",
    arpIgnore: "ipv4/conf/mv0/arp_ignore",
    arpAnnounce: "ipv4/conf/mv0/arp_announce",
    acceptLocal: "ipv4/conf/mv0/accept_local",
    sourceValidMark: "ipv4/conf/mv0/src_valid_mark",
    sendRedirects: "ipv4/conf/mv0/send_redirects",
    forwarding6: "ipv6/conf/mv0/forwarding",
    disableIpv6: "ipv6/conf/mv0/disable_ipv6",
    acceptRa: "ipv6/conf/mv0/accept_ra",
    proxyNdp: "ipv6/conf/mv0/proxy_ndp",
  } as const;
  const numbers = new Set<string>(["reversePathFilter", "arpIgnore", "arpAnnounce", "acceptRa"]);
  const settings = () => ({
    ...readNamespace("/proc/self/ns/net").links.find(({ name }) => name === "mv0")?.settings,
  });
  for (const [name, file] of Object.entries(files)) {
    for (const value of numbers.has(name) ? [0, 1, 2] : [0, 1]) {
      writeFileSync(`/proc/sys/net/${file}`, String(value));
      const expected = numbers.has(name) ? value : value === 1;
      assert.equal((settings() as Record<string, unknown>)[name], expected, `${name} ${value}`);
    }
    writeFileSync(`/proc/sys/net/${file}`, "0");
  }
});

test("sockets that listen", async () => {
  const tcp = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 7 });
  const both = createServer().listen(0, "::");
  const udp = createSocket({ type: "udp6", ipv6Only: true }).bind(0);
  await Promise.all([once(tcp, "listening"), once(both, "listening"), once(udp, "listening")]);
  const { sockets } = readNamespace("/proc/self/ns/net");
  const port = (server: { address(): unknown }) => (server.address() as { port: number }).port;
  const by = (wanted: number) => {
    const found = sockets.find((one) => one.port === wanted);
    return (
      found && { ...found, address: found.address && formatAddress(found.address), inode: found.inode > 0 }
    );
  };
  const uid = process.getuid?.();
  assert.deepEqual(by(port(tcp)), {
    protocol: "tcp",
    family: 4,
    address: "127.0.0.1",
    port: port(tcp),
    dual: false,
    uid,
    inode: true,
    queue: { waiting: 0, room: 7 },
  });
  assert.deepEqual(by(port(both))?.dual, true);
  const { queue: _, ...unbound } = by(port(udp)) ?? {};
  assert.deepEqual(unbound, {
    protocol: "udp",
    family: 6,
    address: undefined,
    port: port(udp),
    dual: false,
    uid,
    inode: true,
  });
  tcp.close();
  both.close();
  udp.close();
});

test("tracked connections, where they are asked for", async () => {
  execFileSync("nft", [
    "add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c ct state new counter",
  ]);
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = (await import("node:net")).connect(port, "127.0.0.1");
  await once(client, "connect");
  const { localPort } = client;
  const plain = readNamespace("/proc/self/ns/net");
  const {
    connections = [],
    connectionCount,
    nft,
  } = readNamespace("/proc/self/ns/net", { connections: "host" });
  const [one] = connections.filter(({ original }) => original.destinationPort === port);
  client.destroy();
  server.close();
  assert.equal(plain.connections, undefined);
  assert.ok((connectionCount ?? 0) >= 1);
  assert.deepEqual(
    nft.tables.map(({ name }) => name),
    ["t"],
  );
  assert.equal(one?.protocol, 6);
  assert.equal(one?.family, 4);
  assert.equal(one?.original.sourcePort, localPort);
  assert.equal(formatAddress(one?.reply.source ?? assert.fail()), "127.0.0.1");
  assert.equal(one?.reply.sourcePort, port);
  assert.equal((one?.status ?? 0) & 2, 2);
  assert.ok((one?.timeout ?? 0) > 0);
});
