/** A topology that is watched is, after whatever happens, what a fresh reading gives. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { readTopology } from "../../src/observe/read.ts";
import type { Namespace, Topology, TopologyWatch } from "../../src/observe/types.ts";
import { watchTopology } from "../../src/observe/watch.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (commands: string) =>
  execFileSync("sh", ["-ec", commands], { stdio: ["ignore", "pipe", "inherit"] });

let watch: TopologyWatch;
before(async () => {
  writeFileSync("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
  sh(`
    ip link add br0 type bridge; ip link set br0 up
    for n in one two three; do
      ip netns add $n
      ip -n $n link set lo up
      ip link add $n type veth peer name eth0 netns $n
      ip link set $n master br0 up
      ip -n $n link set eth0 up
    done
    ip -n one addr add 10.0.0.1/24 dev eth0
    ip -n two addr add 10.0.0.2/24 dev eth0
  `);
  watch = await watchTopology({ engines: [], settle: 10, look: 200 });
});
after(() => watch.close());

/** Without what grows with traffic, and what is a function. */
const comparable = ({ nft, links, connectionCount: _, ...rest }: Namespace) => ({
  ...rest,
  links: links.map(({ counters: _, ...link }) => link),
  nft: nft.tables.map(({ family, name, handle, chains, sets }) => ({
    family,
    name,
    handle,
    chains: [...chains.values()],
    sets: [...sets].map(([set, { elements, find: _, ...one }]) => [set, one, elements()]),
  })),
});

const whole = ({ namespaces, host, unread }: Topology) => ({
  host,
  unread,
  namespaces: [...namespaces.values()].map(comparable).sort((a, b) => a.id - b.id),
});

const PATIENCE = 100;

/** Once both say the same, or have had a long time to; then they are held against each other. */
async function agrees(): Promise<void> {
  for (let i = 0; i < PATIENCE; i += 1) {
    if (isDeepStrictEqual(whole(watch.current), whole(await readTopology({ engines: [] })))) return;
    await sleep(20);
  }
  assert.deepEqual(whole(watch.current), whole(await readTopology({ engines: [] })));
}

/** What is told of a namespace by its name. */
const seen = (name: string) => [...watch.current.namespaces.values()].find((one) => one.name === name);

test("it begins with what is there, and holds still while nothing happens", async () => {
  await agrees();
  const before = watch.current;
  for (let i = 0; i < 30; i += 1) {
    await sleep(20);
    if (watch.current !== before) break;
  }
  // Several looks have been by; a neighbour may have grown old meanwhile, but no other namespace than its own changed.
  const changed = [...watch.current.namespaces].filter(([id, one]) => before.namespaces.get(id) !== one);
  for (const [id, one] of changed)
    assert.notDeepEqual(comparable(one), comparable(before.namespaces.get(id) ?? assert.fail()));
});

const CHANGES: Readonly<Record<string, string>> = {
  "an address": "ip -n one addr add 10.0.0.11/24 dev eth0",
  "an address that goes": "ip -n one addr del 10.0.0.11/24 dev eth0",
  "a route": "ip -n two route add 10.5.0.0/16 via 10.0.0.1",
  "a route of IPv6": "ip -n two -6 route add fd00:5::/64 dev eth0",
  "a rule":
    "ip -n two rule add fwmark 5 table 7 pref 70; ip -n two -6 rule add from fd00::/8 table 8 pref 71",
  "a nexthop object":
    "ip -n one nexthop add id 3 via 10.0.0.2 dev eth0; ip -n one route add 10.6.0.0/16 nhid 3",
  "a neighbour": "ip -n one neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0",
  "a bridge's entry": "bridge fdb add 02:00:00:00:00:09 dev one master static",
  "a port's setting": "bridge link set dev two isolated on",
  "a link's setting": "nsenter --net=/run/netns/two sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter'",
  "a link that is off": "ip -n three link set eth0 down",
  "a link of another name": "ip -n three link set eth0 name eth7",
  "a link between two of them": "ip link add end0 netns one type veth peer name end1 netns two",
  "an end of it that moves": "ip -n two link set end1 netns three",
  "a firewall":
    "ip netns exec one nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c drop'",
  "an element of a set":
    "ip netns exec one nft 'add set ip t s { type ipv4_addr; }; add element ip t s { 10.0.0.9 }'",
  "a discipline": "tc qdisc add dev one clsact",
  "a new namespace": "ip netns add four; ip link add four type veth peer name eth0 netns four",
  "a namespace that goes": "ip netns del two",
};

for (const [what, command] of Object.entries(CHANGES)) {
  test(`it follows ${what}`, async () => {
    const before = watch.current;
    sh(command);
    await agrees();
    assert.notEqual(watch.current, before);
  });
}

test("what did not change stays the same object", async () => {
  const [before, other] = [seen("one"), seen("three")];
  sh("ip -n one addr add 10.0.0.12/24 dev eth0");
  await agrees();
  assert.notEqual(seen("one"), before);
  assert.equal(seen("three")?.links, other?.links);
});

test("a namespace that only a process has is found at the next look, and named by it", async () => {
  const child = spawn("unshare", ["--net", "sleep", "100"]);
  try {
    const name = `sleep (pid ${child.pid})`;
    for (let i = 0; i < PATIENCE && !seen(name); i += 1) await sleep(20);
    assert.deepEqual(seen(name)?.pids, [child.pid]);
    await agrees();
  } finally {
    child.kill("SIGKILL");
  }
  await agrees();
});

const STORM = 16_000;

/** Announcements that found no room, in a namespace: the last but one of what proc_net(5) tells of each netlink socket. */
const lost = (name: string) =>
  sh(`nsenter --net=/run/netns/${name} cat /proc/net/netlink`)
    .toString()
    .split("\n")
    .slice(1)
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-2) ?? 0), 0);

test("a storm of changes, more than there is room for, ends in what is there", async () => {
  const routes = Array.from({ length: STORM }, (_, i) => `10.${100 + (i >> 8)}.${i & 255}.0/24 dev eth0\n`);
  const batch = (what: string) =>
    execFileSync("ip", ["-n", "one", "-batch", "-"], {
      input: routes.map((one) => `route ${what} ${one}`).join(""),
    });
  // Each in one call, so that this thread hears nothing meanwhile.
  batch("add");
  assert.ok(lost("one") > 0);
  await agrees();
  assert.ok((seen("one")?.routes.length ?? 0) > STORM);
  batch("del");
  await agrees();
  assert.ok((seen("one")?.routes.length ?? STORM) < 100);
});
