import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import { topologyToJson } from "../../src/observe/json.ts";
import {
  addressOwners,
  forwards,
  hostOf,
  linkByName,
  namespaceOf,
  otherEnd,
  portsOf,
  reversePathFilter,
} from "../../src/observe/lookup.ts";
import type {
  EngineContainer,
  Namespace,
  NamespaceId,
  ObservedLink,
  Topology,
} from "../../src/observe/types.ts";

const HOST = 1 as NamespaceId;
const WEB = 2 as NamespaceId;

const settings = {
  forwarding4: false,
  reversePathFilter: 1,
  routeLocalnet: false,
  proxyArp: false,
  arpIgnore: 0,
  arpAnnounce: 0,
  acceptLocal: false,
  sourceValidMark: false,
  sendRedirects: true,
  forwarding6: false,
  disableIpv6: false,
  acceptRa: 1,
  proxyNdp: false,
};

const counters = {
  rxBytes: 10n,
  rxPackets: 1n,
  rxErrors: 0n,
  rxDropped: 0n,
  txBytes: 20n,
  txPackets: 2n,
  txErrors: 0n,
  txDropped: 0n,
};

const link = (ifindex: number, name: string, more: Partial<ObservedLink> = {}): ObservedLink => ({
  ifindex,
  name,
  hardware: 1,
  mtu: 1500,
  up: true,
  carrier: true,
  operState: 6,
  loopback: false,
  promiscuous: false,
  noArp: false,
  counters,
  xdp: false,
  settings,
  ...more,
});

const address = (ifindex: number, text: string) => ({
  ifindex,
  address: parsePrefix(text),
  scope: 0,
  tentative: false,
  duplicate: false,
  deprecated: false,
  secondary: false,
});

const container: EngineContainer = {
  engine: "docker",
  id: "abcdef012345",
  name: "web",
  image: "busybox",
  state: "running",
  pid: 7,
  networkMode: "bridge",
  endpoints: [],
  ports: [],
};

const namespace = (id: NamespaceId, name: string, more: Partial<Namespace>): Namespace => ({
  id,
  name,
  host: id === HOST,
  pids: [id],
  pins: [],
  path: `/proc/${id}/ns/net`,
  links: [],
  addresses: [],
  routes: [],
  rules: [],
  neighbours: [],
  forwarding: [],
  sockets: [],
  sysctls: new Map(),
  nft: EMPTY_RULESET,
  xtables: [],
  unread: [],
  ...more,
});

const host = namespace(HOST, "host", {
  links: [
    link(3, "docker0", { kind: "bridge" }),
    link(5, "veth1", { kind: "veth", master: 3, other: { ifindex: 4, namespace: WEB } }),
    link(6, "veth2", { kind: "veth", master: 3, other: { ifindex: 4 } }),
  ],
  addresses: [address(3, "172.17.0.1/16"), address(9, "10.0.0.1/8")],
  sysctls: new Map([
    ["net.ipv4.conf.all.rp_filter", "2"],
    ["net.ipv6.conf.all.forwarding", "1"],
  ]),
});
const web = namespace(WEB, "web", {
  container,
  links: [link(4, "eth0", { kind: "veth", other: { ifindex: 5, namespace: HOST } })],
  addresses: [address(4, "172.17.0.2/16")],
});
const topology: Topology = {
  readAt: 5,
  namespaces: new Map([
    [HOST, host],
    [WEB, web],
  ]),
  host: HOST,
  engines: [
    { kind: "docker", socket: "/run/docker.sock", version: "28", containers: [container], networks: [] },
  ],
  unread: [],
};

test("namespaces are found by name, by container, and by the beginning of an id", () => {
  assert.equal(hostOf(topology), host);
  for (const word of ["web", "abcdef012345", "abc"]) assert.equal(namespaceOf(topology, word), web, word);
  assert.throws(() => namespaceOf(topology, "wep"), {
    kind: "not-found",
    message: /called wep \(did you mean web\?\)/,
  });
  const twin = namespace(3 as NamespaceId, "web2", {
    container: { ...container, id: "abcfff", name: "web2" },
  });
  const two = { ...topology, namespaces: new Map([...topology.namespaces, [twin.id, twin]]) };
  assert.throws(() => namespaceOf(two, "abc"), { kind: "conflict", message: "abc may be any of web, web2" });
  assert.equal(namespaceOf(two, "abcf"), twin);
});

test("links are found by name, and lead to their other ends", () => {
  const veth1 = linkByName(host, "veth1");
  assert.equal(veth1.ifindex, 5);
  assert.throws(() => linkByName(host, "docker1"), {
    message: "host has no link docker1 (did you mean docker0?)",
  });
  assert.deepEqual(otherEnd(topology, { namespace: HOST, ifindex: 5 }), { namespace: WEB, ifindex: 4 });
  assert.equal(otherEnd(topology, { namespace: HOST, ifindex: 6 }), undefined);
  assert.equal(otherEnd(topology, { namespace: HOST, ifindex: 3 }), undefined);
  const ports = portsOf(topology, { namespace: HOST, ifindex: 3 });
  assert.deepEqual(
    ports.map(({ name }) => name),
    ["veth1", "veth2"],
  );
});

test("addresses lead to whom they are of", () => {
  const owners = (text: string) =>
    addressOwners(topology, parseAddress(text)).map((one) => [one.namespace.name, one.link?.name]);
  assert.deepEqual(owners("172.17.0.2"), [["web", "eth0"]]);
  assert.deepEqual(owners("10.0.0.1"), [["host", undefined]]);
  assert.deepEqual(owners("172.17.0.3"), []);
});

test("of a link's settings and those of all, what is in force", () => {
  const docker0 = linkByName(host, "docker0");
  assert.equal(reversePathFilter(host, docker0), 2);
  assert.equal(reversePathFilter(web, linkByName(web, "eth0")), 1);
  assert.equal(forwards(host, docker0, 4), false);
  assert.equal(forwards(host, docker0, 6), true);
  assert.equal(forwards(host, { ...docker0, settings: { ...settings, forwarding4: true } }, 4), true);
});

test("as JSON, addresses are text and nothing is lost on the way", () => {
  const json = JSON.parse(JSON.stringify(topologyToJson(topology)));
  assert.equal(json.host, 1);
  assert.deepEqual(json.engines[0].containers[0].name, "web");
  const [first, second] = json.namespaces;
  assert.deepEqual(second.container, { engine: "docker", id: "abcdef012345", name: "web" });
  assert.equal(second.inode, 2);
  assert.deepEqual(first.addresses[0].address, "172.17.0.1/16");
  assert.deepEqual(first.links[1].other, { ifindex: 4, namespace: 2 });
  assert.equal(first.links[0].counters.txBytes, 20);
  assert.deepEqual(first.sysctls, {
    "net.ipv4.conf.all.rp_filter": "2",
    "net.ipv6.conf.all.forwarding": "1",
  });
  assert.deepEqual(first.nft, { generation: 0, tables: [] });
});
