/** What the doctor tries, on wires of our own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { askName } from "../../src/doctor/tools/ask-name.ts";
import { holderOf, socketHolders } from "../../src/doctor/tools/holder.ts";
import { pathMtu } from "../../src/doctor/tools/path-mtu.ts";
import { whoHas } from "../../src/doctor/tools/who-has.ts";
import { parseAddress, parseMac } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
const HERE = "/proc/self/ns/net" as NetnsPath;
const address = parseAddress;

// here: br0 192.0.2.1, with one and two behind it, who both can have 192.0.2.2.
sh(`
  set -e; ip link add br0 type bridge; ip addr add 192.0.2.1/24 dev br0; ip addr add 2001:db8::1/64 dev br0 nodad
  ip link set br0 address 02:00:00:00:00:01 up
  for i in 1 2; do
    ip netns add n$i; ip -n n$i link set lo up
    ip link add port$i type veth peer name eth0 netns n$i
    ip link set port$i master br0 up
    ip -n n$i link set eth0 address 02:00:00:00:01:0$i up
  done
  ip -n n1 addr add 192.0.2.2/24 dev eth0
  ip -n n1 addr add 2001:db8::2/64 dev eth0 nodad
`);
const bridge = {
  ifindex: Number(sh("cat /sys/class/net/br0/ifindex")),
  own: parseMac("02:00:00:00:00:01"),
};

test("one who has an address says so, of either family; where nobody has it, nobody does", async () => {
  const first = "02:00:00:00:01:01";
  assert.deepEqual(await whoHas(HERE, bridge, address("192.0.2.2")), [first]);
  assert.deepEqual(await whoHas(HERE, bridge, address("2001:db8::2")), [first]);
  assert.deepEqual(await whoHas(HERE, bridge, address("192.0.2.9")), []);
});

test("two who have it both say so, and nobody's table has changed", async () => {
  const tables = () => sh("ip neigh; ip -n n1 neigh; ip -n n2 neigh");
  sh("ip -n n2 addr add 192.0.2.2/24 dev eth0; ip neigh flush all");
  const before = tables();
  const owners = await whoHas(HERE, bridge, address("192.0.2.2"));
  assert.deepEqual(owners.toSorted(), ["02:00:00:00:01:01", "02:00:00:00:01:02"]);
  assert.equal(tables(), before);
  sh("ip -n n2 addr del 192.0.2.2/24 dev eth0");
});

test("the largest packet that comes back is found to the byte", async () => {
  assert.equal(await pathMtu(HERE, address("192.0.2.2"), 1500), 1500);
  // A router in n1 whose other side is narrow, and that tells nobody: as a tunnel behind a firewall.
  sh(`
    ip link add wide type veth peer name narrow netns n1
    ip link set wide netns n2 mtu 1337; ip -n n1 link set narrow mtu 1337 up; ip -n n2 link set wide up
    ip -n n1 addr add 198.51.100.1/24 dev narrow; ip -n n2 addr add 198.51.100.2/24 dev wide
    ip -n n2 route add 192.0.2.0/24 via 198.51.100.1; ip route add 198.51.100.0/24 via 192.0.2.2
    ip netns exec n1 sysctl -qw net.ipv4.ip_forward=1
    ip netns exec n1 nft add table ip silent
    ip netns exec n1 nft add chain ip silent out '{ type filter hook output priority 0; }'
    ip netns exec n1 nft add rule ip silent out icmp type destination-unreachable drop
  `);
  assert.equal(await pathMtu(HERE, address("198.51.100.2"), 1500), 1337);
});

test("where nothing answers nothing is said, and where no route leads it is refused", async () => {
  assert.equal(await pathMtu(HERE, address("192.0.2.99"), 1500), undefined);
  await assert.rejects(pathMtu(HERE, address("203.0.113.1"), 1500), /Network is unreachable|ENETUNREACH/);
});

test("a name server is asked from a namespace; one that isn't there refuses", async () => {
  const server = createSocket("udp4");
  server.on("message", (query, from) => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8183, 2);
    server.send(answer, from.port, from.address);
  });
  server.bind(53, "192.0.2.1");
  await once(server, "listening");
  const asked = await askName("/run/netns/n1" as NetnsPath, address("192.0.2.1"), "nobody.example");
  assert.deepEqual({ ...asked, took: 0 }, { answered: true, code: 3, addresses: [], took: 0 });

  const { inode } = {
    inode: Number(
      /\S+ +\S+ +\S+ +\S+ +\S+ +\S+ +\S+ +\S+ +\S+ +(\d+)/.exec(sh("grep :0035 /proc/net/udp").trim())?.[1],
    ),
  };
  const pid = socketHolders().get(inode);
  assert.equal(pid, process.pid);
  assert.equal(holderOf(process.pid)?.pid, process.pid);

  server.close();
  const refused = await askName("/run/netns/n1" as NetnsPath, address("192.0.2.1"), "nobody.example");
  assert.equal(refused.answered, false);
});
