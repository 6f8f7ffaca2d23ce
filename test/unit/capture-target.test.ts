import assert from "node:assert/strict";
import { test } from "node:test";
import { namesOf } from "../../src/capture/names.ts";
import { type Target, tappedOf } from "../../src/capture/tapped.ts";
import { linksOfPath } from "../../src/cli/capture-path.ts";
import { targetOf } from "../../src/cli/capture-target.ts";
import type { Topology } from "../../src/observe/types.ts";
import { address, DB, HOST, id, link, namespace, network, on, WEB, world } from "./trace-world.ts";

const topology = world();
const shown = (target: Target, of: Topology = topology) =>
  tappedOf(of, target).map(({ place, name, only }) => `${place}:${name}${only ? ` ${only}` : ""}`);
const asked = (word: string, of: Topology = topology) => shown(targetOf(of, word), of);

test("a container: its links, both ways; of its loopback what comes in", () => {
  assert.deepEqual(asked("web"), ["web:lo in", "web:eth0"]);
});

test("the host: what concerns it is seen at its bridges, and their ports are left out", () => {
  assert.deepEqual(asked("host"), ["host:lo in", "host:eth0", "host:br-net-a", "host:br-net-b"]);
});

test("a network: what its bridge sends, and what each port takes in", () => {
  assert.deepEqual(asked("net-a"), ["host:br-net-a out", "host:veth-web in"]);
  assert.deepEqual(asked("id of net-b"), ["host:br-net-b out", "host:veth-db in"]);
});

test("a network without a bridge: the links of those that are on it", () => {
  const { bridge: _, ...lan } = network("lan", "10.1.0.0/24", { driver: "macvlan" });
  const of = world({ networks: [lan], web: { endpoints: [on("lan", "10.1.0.2/24")] } });
  assert.deepEqual(asked("lan", of), ["web:eth0"]);
  assert.throws(
    () => asked("lan", world({ networks: [lan], web: { endpoints: [] } })),
    /no container that runs/,
  );
});

test("a network whose bridge is not here is said to be so", () => {
  const of = world({ networks: [network("far", "10.7.0.0/24")] });
  assert.throws(() => asked("far", of), /network far has no bridge: br-far is not on this host/);
});

test("a link of the host, or of anybody", () => {
  assert.deepEqual(asked("veth-db"), ["host:veth-db"]);
  assert.deepEqual(asked("db:eth0"), ["db:eth0"]);
  assert.deepEqual(asked("host:lo"), ["host:lo in"]);
});

test("what nothing is called gets what is called almost so", () => {
  assert.throws(() => asked("wbe"), { kind: "not-found", message: /named "wbe" \(did you mean web\?\)/ });
  assert.throws(() => asked("net-c"), /did you mean net-[ab]\?/);
  assert.throws(() => asked("db:eth1"), /db has no link eth1 \(did you mean eth0\?\)/);
  assert.throws(() => asked("nobody:eth0"), { kind: "not-found" });
});

test("a path: each link that is met, once", () => {
  const links = [
    { namespace: WEB, ifindex: 2 },
    { namespace: HOST, ifindex: 5 },
    { namespace: WEB, ifindex: 2 },
    { namespace: DB, ifindex: 2 },
  ];
  assert.deepEqual(shown({ kind: "links", links }), ["web:eth0", "host:veth-web", "db:eth0"]);
});

test("a path that ends where it begins says why", async () => {
  // Its routes lead to no link: it is made by hand.
  await assert.rejects(linksOfPath(topology, "web", "host"), {
    status: 1,
    message: /^no link carries anything from web to host: web has no route to 10\.1\.0\.1/,
  });
});

test("links that are down, or whose frames nobody reads, are left out", () => {
  const box = namespace(id(9), "box", {
    links: [
      link(1, "eth0", { up: false }),
      link(2, "can0", { hardware: 280 }),
      link(3, "tun0", { hardware: 65534 }),
    ],
  });
  assert.deepEqual(asked("box", world({ namespaces: [box] })), ["box:tun0"]);
});

test("a link's comment tells its addresses, its bridge and its other end", () => {
  const comments = (word: string) =>
    tappedOf(topology, targetOf(topology, word)).map(({ comment }) => comment);
  assert.deepEqual(comments("net-a"), [
    "host: br-net-a, 10.1.0.1/24",
    "host: veth-web, port of br-net-a, peer of eth0 in web",
  ]);
  assert.deepEqual(comments("web:eth0"), ["web: eth0, 10.1.0.2/24, peer of veth-web in host"]);
});

test("a link tells which container it is of, or leads to", () => {
  const containers = (word: string) =>
    tappedOf(topology, targetOf(topology, word)).map(({ container }) => container);
  assert.deepEqual(containers("web"), ["web", "web"]);
  assert.deepEqual(containers("net-b"), [undefined, "db"]);
  assert.deepEqual(containers("eth0"), [undefined]);
});

test("addresses are called by whose they are, and those of two by nobody's name", () => {
  const names = (of: Topology) =>
    Object.fromEntries([...namesOf(of)].map(([text, [, name]]) => [text, name]));
  assert.deepEqual(names(topology), {
    "203.0.113.2": "host",
    "10.1.0.1": "host",
    "10.2.0.1": "host",
    "10.1.0.2": "web",
    "10.2.0.2": "db",
    "203.0.113.1": "out",
  });
  const twin = namespace(id(9), "twin", {
    links: [link(1, "eth0")],
    addresses: [address(1, "10.1.0.2/24"), address(1, "fe80::1/64"), address(1, "fd00::9/64")],
  });
  const both = names(world({ namespaces: [twin] }));
  assert.deepEqual([both["10.1.0.2"], both["fe80::1"], both["fd00::9"]], [undefined, undefined, "twin"]);
});
