import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { KernelError } from "../../src/linux/ffi.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { LinkDeleter } from "../../src/linux/link-deleter.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../../src/linux/netlink/socket.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath, Plan, SetElement, Step } from "../../src/linux/plan.ts";
import { NUD_PERMANENT } from "../../src/linux/rtnetlink/attributes.ts";
import { addNeighbour, deleteNeighbour } from "../../src/linux/rtnetlink/neighbour.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
const json = (command: string) => JSON.parse(sh(command));

const kernel = await startKernel();
after(() => kernel.close());

const bridge: Plan = [
  { do: "add-bridge", name: "docker0", mac: parseMac("02:42:00:00:00:01"), mtu: 1500 },
  {
    do: "add-address",
    link: "docker0",
    address: parsePrefix("172.17.0.1/16"),
    broadcast: parseAddress("172.17.255.255"),
  },
  { do: "set-link", name: "docker0", up: true },
];
await kernel.apply(bridge);
await kernel.nft("table inet guard { set owners { type ifname . ipv4_addr; }; set names { type ifname; }; }");

const netns = (name: string): NetnsPath => `/run/netns/${name}` as NetnsPath;

const owner = (name: string, address: string): SetElement => ({
  family: "inet",
  table: "guard",
  set: "owners",
  key: [{ ifname: name }, { address: parseAddress(address) }],
});

/** All that an endpoint is made of. */
const attach = (name: string, address: string): Plan => [
  { do: "add-netns", path: netns(name) },
  {
    do: "nft",
    about: `name ${name}`,
    add: `add element inet guard names { ${name} }`,
    remove: `delete element inet guard names { ${name} }`,
  },
  { do: "add-elements", about: `guard ${name}`, elements: [owner(name, address)] },
  {
    do: "add-veth",
    name,
    mtu: 1400,
    master: "docker0",
    alias: `${name} on bridge`,
    up: true,
    peer: { netns: netns(name), name: "eth0", mac: parseMac("02:42:ac:11:00:02"), mtu: 1400 },
  },
  {
    do: "add-address",
    netns: netns(name),
    link: "eth0",
    address: parsePrefix(`${address}/16`),
    broadcast: parseAddress("172.17.255.255"),
  },
  { do: "add-address", netns: netns(name), link: "eth0", address: parsePrefix("2001:db8::2/64") },
  { do: "add-route", netns: netns(name), to: "default", via: parseAddress("172.17.0.1"), link: "eth0" },
  { do: "set-sysctl", netns: netns(name), key: "net.ipv4.ip_unprivileged_port_start", value: "7" },
  { do: "set-sysctl", key: "net.ipv4.conf.docker0.route_localnet", value: "1" },
  { do: "set-link", name: "docker0", alias: `carries ${name}` },
];

const detach = (name: string, address: string): Plan => [
  { do: "delete-elements", about: `guard ${name}`, elements: [owner(name, address)] },
  { do: "nft", about: `name ${name}`, add: `delete element inet guard names { ${name} }`, remove: "" },
  { do: "delete-link", name },
  { do: "remove-netns", path: netns(name) },
];

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly master?: string;
  readonly ifalias?: string;
  readonly group: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local: string;
    readonly broadcast?: string;
    readonly scope: string;
  }[];
}

/** What the kernel has, of all that a plan can change. Carrier and link-local addresses come in their own time. */
function state() {
  return {
    links: (json("ip -j -d addr") as IpLink[]).map((link) => ({
      name: `${link.ifindex} ${link.ifname}`,
      mac: link.address,
      mtu: link.mtu,
      master: link.master,
      alias: link.ifalias,
      group: link.group,
      up: link.flags.includes("UP"),
      addresses: link.addr_info.filter(({ scope }) => scope !== "link"),
    })),
    routes: sh("ip -o route").replaceAll(" linkdown", ""),
    rules: sh("nft list ruleset"),
    mounts: readFileSync("/proc/self/mounts", "utf8").split("\n"),
    names: readdirSync("/run/netns"),
    sysctl: readFileSync("/proc/sys/net/ipv4/conf/docker0/route_localnet", "utf8"),
  };
}

test("an attach is what ip, ethtool, bridge and nft see", async () => {
  const facts = await kernel.apply(attach("vetha", "172.17.0.2"));
  const { ifindex, peerIfindex } = facts[3] ?? {};
  const [host] = json("ip -j -d link show vetha");
  const [peer] = json("ip -n vetha -j -d addr show eth0");
  assert.equal(host.ifindex, ifindex);
  assert.equal(peer.ifindex, peerIfindex);
  assert.equal(host.link_index, peerIfindex);
  assert.equal(peer.link_index, ifindex);
  assert.match(sh("ethtool -S vetha"), new RegExp(`peer_ifindex: ${peerIfindex}\\n`));
  assert.match(
    sh("nsenter --net=/run/netns/vetha ethtool -S eth0"),
    new RegExp(`peer_ifindex: ${ifindex}\\n`),
  );
  assert.deepEqual(
    [host.master, host.mtu, host.ifalias, host.operstate],
    ["docker0", 1400, "vetha on bridge", "UP"],
  );
  assert.deepEqual([peer.address, peer.mtu, peer.operstate], ["02:42:ac:11:00:02", 1400, "UP"]);
  const addresses = peer.addr_info.filter(({ scope }: { scope: string }) => scope === "global");
  assert.deepEqual(
    addresses.map(({ local, prefixlen, broadcast, nodad, tentative }: Record<string, unknown>) => ({
      local,
      prefixlen,
      broadcast,
      nodad,
      tentative,
    })),
    [
      {
        local: "172.17.0.2",
        prefixlen: 16,
        broadcast: "172.17.255.255",
        nodad: undefined,
        tentative: undefined,
      },
      { local: "2001:db8::2", prefixlen: 64, broadcast: undefined, nodad: true, tentative: undefined },
    ],
  );
  assert.equal(sh("ip -n vetha route show default").trim(), "default via 172.17.0.1 dev eth0");
  assert.equal(json("ip -n vetha -j link show lo")[0].flags.includes("UP"), true);
  assert.match(sh("bridge link show dev vetha"), /state forwarding/);
  assert.match(sh("nft list set inet guard owners"), /elements = \{ "vetha" \. 172\.17\.0\.2 \}/);
  assert.equal(await kernel.readSysctl("net.ipv4.ip_unprivileged_port_start", netns("vetha")), "7");
  assert.equal(facts[7]?.previous, "1024");
  sh("ping -c1 -W2 172.17.0.2");

  const links = await kernel.links(netns("vetha"));
  const eth0 = links.find((link) => link.name === "eth0");
  assert.deepEqual([eth0?.ifindex, eth0?.peer, eth0?.kind, eth0?.up], [peerIfindex, ifindex, "veth", true]);
  assert.equal(links.find((link) => link.loopback)?.name, "lo");
  const routes = await kernel.routes(netns("vetha"));
  assert.ok(
    routes.some((route) => route.to === "default" && route.via?.bits === parseAddress("172.17.0.1").bits),
  );
  const told = await kernel.addresses(netns("vetha"));
  assert.ok(told.some((one) => one.broadcast?.bits === parseAddress("172.17.255.255").bits));
  const neighbours = await kernel.neighbours();
  assert.ok(neighbours.some((one) => one.mac === "02:42:ac:11:00:02" && one.address.family === 4));

  await kernel.dismantle(detach("vetha", "172.17.0.2"));
  assert.equal(existsSync("/run/netns/vetha"), false);
  assert.equal(
    json("ip -j link").some((link: { ifname: string }) => link.ifname === "vetha"),
    false,
  );
  assert.doesNotMatch(sh("nft list ruleset"), /elements/);
  await kernel.dismantle(detach("vetha", "172.17.0.2")); // what is gone is no failure
  await kernel.apply([
    { do: "set-sysctl", key: "net.ipv4.conf.docker0.route_localnet", value: "0" },
    { do: "set-link", name: "docker0", alias: "" },
  ]);
});

test("a failure at any step leaves nothing", async () => {
  const plan = attach("vethb", "172.17.0.3");
  const broken: Step = { do: "add-address", link: "nosuch0", address: parsePrefix("10.9.9.9/32") };
  for (let at = 0; at <= plan.length; at += 1) {
    const before = state();
    await assert.rejects(kernel.apply([...plan.slice(0, at), broken, ...plan.slice(at)]), {
      name: "KernelError",
      code: "ENODEV",
      message: /^add address 10\.9\.9\.9\/32 to nosuch0: /,
    });
    assert.deepEqual(state(), before, `after a failure at step ${at}`);
  }
});

test("a step that fails half-way is undone too", async () => {
  const before = state();
  const long = attach("vethc", "172.17.0.4").map((step) =>
    step.do === "add-veth" ? { ...step, alias: "x".repeat(300) } : step,
  );
  await assert.rejects(kernel.apply(long), { name: "KernelError", what: "create veth vethc (peer eth0)" });
  assert.deepEqual(state(), before);
});

test("somebody else's link of that name is not touched", async () => {
  sh("ip link add vethd type bridge; ip link set vethd alias theirs");
  const before = state();
  await assert.rejects(kernel.apply(attach("vethd", "172.17.0.5")), { code: "EEXIST" });
  await assert.rejects(
    kernel.apply([
      { do: "add-bridge", name: "vethd", mtu: 1500 },
      { do: "set-link", name: "vethd", up: true },
    ]),
    { code: "EEXIST" },
  );
  assert.deepEqual(state(), before);
  sh("ip link delete vethd");
});

test("errors tell the kernel's own words, and nft's", async () => {
  await assert.rejects(kernel.apply([{ do: "add-route", to: "default", via: parseAddress("9.9.9.9") }]), {
    code: "ENETUNREACH",
    detail: "Nexthop has invalid gateway",
    message: /^add default route via 9\.9\.9\.9: Nexthop has invalid gateway: .*\(ENETUNREACH\)$/,
  });
  const address = { do: "add-address", link: "docker0", address: parsePrefix("172.17.0.1/16") } as const;
  await assert.rejects(kernel.apply([address]), { code: "EEXIST" });
  await assert.rejects(kernel.nft("add rule inet nosuch x accept"), { message: /No such file or directory/ });
  await assert.rejects(kernel.nft("what is this"), { message: /syntax error/ });
  await assert.rejects(kernel.links(netns("nosuch")), { code: "ENOENT" });
  await assert.rejects(kernel.readSysctl("net.no.such"), { code: "ENOENT" });
});

test("what changed is put back as it was: link, address, setting", async () => {
  sh(
    "ip link add br1 type bridge; ip link set br1 mtu 1450 alias before up; ip addr add 10.1.0.1/24 brd 10.1.0.200 dev br1",
  );
  const before = state();
  const broken: Step = { do: "add-address", link: "nosuch0", address: parsePrefix("10.9.9.9/32") };
  const mac = parseMac("02:00:00:00:00:07");
  await assert.rejects(
    kernel.apply([
      { do: "delete-address", link: "br1", address: parsePrefix("10.1.0.1/24") },
      { do: "set-link", name: "br1", up: false, mtu: 1300, mac, alias: "after" },
      broken,
    ]),
    { code: "ENODEV" },
  );
  assert.deepEqual(state(), before);
  assert.equal(json("ip -j addr show br1")[0].addr_info[0].broadcast, "10.1.0.200");
  sh("ip link delete br1");
});

test("elements are added whole or not at all, and deleted one by one", async () => {
  const [one, two] = [owner("v1", "10.0.0.1"), owner("v2", "10.0.0.2")];
  await kernel.apply([{ do: "add-elements", about: "first", elements: [one] }]);
  await assert.rejects(kernel.apply([{ do: "add-elements", about: "both", elements: [two, one] }]), {
    code: "EEXIST",
    what: "both",
  });
  assert.match(sh("nft list set inet guard owners"), /elements = \{ "v1" \. 10\.0\.0\.1 \}/);
  await assert.rejects(
    kernel.apply([{ do: "add-elements", about: "lost", elements: [{ ...one, table: "none" }] }]),
    {
      code: "ENOENT",
    },
  );
  await kernel.dismantle([{ do: "delete-elements", about: "both", elements: [two, one] }]);
  assert.doesNotMatch(sh("nft list set inet guard owners"), /elements/);
  const many = Array.from({ length: 3000 }, (_, i) => owner(`v${i}`, `10.0.${i >> 8}.${i & 255}`));
  await kernel.apply([{ do: "add-elements", about: "many", elements: many }]);
  assert.equal(json("nft -j list set inet guard owners").nftables[1].set.elem.length, 3000);
  await kernel.apply([{ do: "delete-elements", about: "many", elements: many }]);
  assert.doesNotMatch(sh("nft list set inet guard owners"), /elements/);
});

test("50 deletions at once share two grace periods, and spare what can't be deleted", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `vx${i}`);
  sh(names.map((name) => `ip link add ${name} type veth peer name p${name}`).join("; "));
  const deleter = new LinkDeleter();
  await Promise.all(names.map((name) => deleter.delete([name])));
  assert.ok(deleter.batches <= 2, `${deleter.batches} batches`);
  assert.doesNotMatch(sh("ip -br link"), /vx/);

  await deleter.delete(["nosuch0", "nosuch1"]);
  sh("ip link add vy0 type veth peer name pvy0; ip link add vy1 type veth peer name pvy1");
  await assert.rejects(deleter.delete(["vy0", "lo", "vy1"]), { name: "KernelError", what: "delete link lo" });
  assert.doesNotMatch(sh("ip -br link"), /vy/);
  assert.equal(json("ip -j link show lo")[0].group, "default");
  await deleter.delete([]);
  await deleter.close();
});

test("deletions don't keep other calls waiting, and close waits for them", async () => {
  sh("ip link add vz0 type veth peer name pvz0");
  const other = await startKernel();
  const order: string[] = [];
  const deletion = other.deleteLinks(["vz0"]).then(() => order.push("deleted"));
  await other.readSysctl("net.ipv4.ip_forward").then(() => order.push("read"));
  await other.close();
  await deletion;
  assert.deepEqual(order, ["read", "deleted"]);
});

test("a socket stays in the namespace that it was opened in; the thread does not", () => {
  sh("ip netns add there; ip -n there link add br9 type bridge; ip -n there link set br9 up");
  const here = readFileSync("/proc/thread-self/net/dev", "utf8");
  const socket = inNamespace(netns("there"), () => new NetlinkSocket(NETLINK_ROUTE));
  assert.equal(readFileSync("/proc/thread-self/net/dev", "utf8"), here);
  assert.throws(
    () =>
      inNamespace(netns("there"), () => {
        throw new Error("inside");
      }),
    /inside/,
  );
  assert.equal(readFileSync("/proc/thread-self/net/dev", "utf8"), here);
  const neighbour = {
    ifindex: socket.ifindex("look", "br9"),
    address: parseAddress("10.0.0.9"),
    state: NUD_PERMANENT,
  } as const;
  assert.throws(() => socket.ifindex("look", "docker0"), { code: "ENODEV" });
  socket.request(addNeighbour("add neighbour", { ...neighbour, mac: parseMac("02:00:00:00:00:09") }));
  assert.match(sh("ip -n there neigh"), /10\.0\.0\.9 dev br9 lladdr 02:00:00:00:00:09 PERMANENT/);
  socket.request(deleteNeighbour("delete neighbour", neighbour));
  assert.throws(() => socket.request(deleteNeighbour("delete neighbour", neighbour)), KernelError);
  socket.close();
  sh("ip netns delete there");
});
