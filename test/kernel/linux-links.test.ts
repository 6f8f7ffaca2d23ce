import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath, Plan, Step } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
const json = (command: string) => JSON.parse(sh(command));

const kernel = await startKernel();
after(() => kernel.close());

const box = "/run/netns/box" as NetnsPath;
const broken: Step = { do: "delete-link", name: "nosuch0" };

sh("ip link add wire0 type veth peer name wire1; ip link set wire0 up; ip link set wire1 up");
await kernel.apply([{ do: "add-netns", path: box }]);

const macvlan: Step = {
  do: "add-macvlan",
  netns: box,
  name: "eth0",
  parent: "wire0",
  mode: "bridge",
  mac: parseMac("02:42:0a:00:00:02"),
  mtu: 1400,
  alias: "web on lan",
};

/** Names of links, without those of a kind that the kernel brings along. */
const linksIn = (where: string): string[] =>
  json(`ip ${where} -j link`).map(({ ifname }: { ifname: string }) => ifname);

test("a macvlan link is born in its namespace, up, on a link of the engine's", async () => {
  const [fact] = await kernel.apply([macvlan]);
  const [eth0] = json("ip -n box -j -d link show eth0");
  assert.deepEqual(
    [eth0.linkinfo.info_kind, eth0.linkinfo.info_data.mode, eth0.address, eth0.mtu, eth0.ifalias],
    ["macvlan", "bridge", "02:42:0a:00:00:02", 1400, "web on lan"],
  );
  assert.ok(eth0.flags.includes("UP"));
  assert.equal(eth0.link_index, json("ip -j link show wire0")[0].ifindex);
  assert.deepEqual(fact, { peerIfindex: eth0.ifindex });
  await assert.rejects(kernel.apply([macvlan]), { code: "EEXIST", what: "create macvlan eth0 on wire0" });

  // Two on one parent reach each other, and no frame of theirs needs the host.
  const other = "/run/netns/other" as NetnsPath;
  await kernel.apply([
    { do: "add-netns", path: other },
    { do: "add-macvlan", netns: other, name: "eth0", parent: "wire0", mode: "bridge" },
    { do: "add-address", netns: other, link: "eth0", address: parsePrefix("10.0.0.3/24") },
    { do: "add-address", netns: box, link: "eth0", address: parsePrefix("10.0.0.2/24") },
  ]);
  sh("nsenter --net=/run/netns/box ping -c1 -W2 10.0.0.3");
  await kernel.dismantle([
    { do: "delete-link", netns: other, name: "eth0" },
    { do: "remove-netns", path: other },
    { do: "delete-link", netns: box, name: "eth0" },
    { do: "delete-link", netns: box, name: "eth0" },
    { do: "delete-link", netns: other, name: "eth0" },
  ]);
  assert.deepEqual(linksIn("-n box"), ["lo"]);
});

for (const mode of ["private", "vepa", "passthru"] as const) {
  test(`macvlan mode ${mode}`, async () => {
    await kernel.apply([{ ...macvlan, mode }]);
    assert.equal(json("ip -n box -j -d link show eth0")[0].linkinfo.info_data.mode, mode);
    await kernel.apply([{ do: "delete-link", netns: box, name: "eth0" }]);
    assert.deepEqual(linksIn("-n box"), ["lo"]);
  });
}

test("a macvlan link goes again when what follows fails, or its own second half", async () => {
  const before = linksIn("");
  await assert.rejects(kernel.apply([macvlan, broken]), { code: "ENODEV", what: "delete link nosuch0" });
  assert.deepEqual(linksIn("-n box"), ["lo"]);
  await assert.rejects(kernel.apply([{ ...macvlan, alias: "x".repeat(300) }]), {
    what: "create macvlan eth0 on wire0",
  });
  assert.deepEqual(linksIn("-n box"), ["lo"]);
  await assert.rejects(kernel.apply([{ ...macvlan, parent: "nosuch0" }]), { code: "ENODEV" });
  await assert.rejects(kernel.apply([{ ...macvlan, parent: "lo" }]), { name: "KernelError" });
  assert.deepEqual(linksIn(""), before);
});

test("a VLAN link is up on its parent, or the refusal names the module that is missing", async () => {
  const vlan: Step = { do: "add-vlan", name: "wire0.10", parent: "wire0", id: 10 };
  let known = true;
  try {
    sh("ip link add probe0 link wire0 type vlan id 9 2>/dev/null && ip link delete probe0");
  } catch {
    known = false;
  }
  if (known) {
    const [fact] = await kernel.apply([vlan]);
    const [link] = json("ip -j -d link show wire0.10");
    assert.deepEqual(
      [link.linkinfo.info_kind, link.linkinfo.info_data.id, link.ifindex],
      ["vlan", 10, fact?.ifindex],
    );
    assert.ok(link.flags.includes("UP"));
    await kernel.apply([{ do: "delete-link", name: "wire0.10" }]);
    await assert.rejects(kernel.apply([vlan, broken]), { code: "ENODEV" });
  } else {
    await assert.rejects(kernel.apply([vlan]), {
      name: "EngineError",
      kind: "unavailable",
      message:
        "create VLAN 10 wire0.10 on wire0: this kernel has no vlan links, and its module 8021q can't be loaded",
    });
  }
  assert.ok(!linksIn("").includes("wire0.10"));
  await assert.rejects(kernel.apply([{ ...vlan, parent: "nosuch0" }]), { code: "ENODEV" });
});

test("a link of another namespace is deleted by a plan", async () => {
  sh("ip -n box link add veth7 type veth peer name veth8; ip link add veth7 type bridge");
  await kernel.apply([{ do: "delete-link", netns: box, name: "veth7" }]);
  assert.deepEqual(linksIn("-n box"), ["lo"]);
  assert.ok(linksIn("").includes("veth7"));
  await assert.rejects(kernel.apply([{ do: "delete-link", netns: box, name: "veth7" }]), { code: "ENODEV" });
  sh("ip link delete veth7");
});

const ROUTED = `
link add br0 type bridge
link set br0 up
link add br1 type bridge
link set br1 up
addr add 10.1.0.2/24 dev br0
addr add 10.2.0.2/24 dev br1
addr add fd00:1::2/64 dev br0 nodad
addr add fd00:2::2/64 dev br1 nodad
route add default via 10.1.0.1 metric 7 src 10.1.0.2 proto static mtu 1300
route add default via 10.2.0.1 metric 20
route add 192.0.2.0/24 via 10.2.0.9 onlink dev br1
route add unreachable 198.51.100.0/24
route add default via fd00:1::1 metric 300 proto static
route add 2001:db8::/32 dev br1
`;

const routed = "/run/netns/routed" as NetnsPath;
const on = { do: "delete-route", netns: routed } as const;

const routes = (where: string): string[] =>
  ["-4", "-6"].flatMap((family) =>
    sh(`ip -n ${where} ${family} route`).replaceAll(" linkdown", "").trim().split("\n"),
  );

const DELETIONS: readonly { step: Step; gone: RegExp }[] = [
  { step: { ...on, to: "default" }, gone: /^default via 10\.1\.0\.1 / },
  { step: { ...on, to: "default", via: parseAddress("10.2.0.1") }, gone: /^default via 10\.2\.0\.1 / },
  { step: { ...on, to: "default", link: "br1" }, gone: /^default via 10\.2\.0\.1 / },
  { step: { ...on, to: "default", family: 6 }, gone: /^default via fd00:1::1 / },
  { step: { ...on, to: "default", via: parseAddress("fd00:1::1") }, gone: /^default via fd00:1::1 / },
  { step: { ...on, to: parsePrefix("192.0.2.7/24") }, gone: /^192\.0\.2\.0\/24 / },
  { step: { ...on, to: parsePrefix("2001:db8::/32"), link: "br1" }, gone: /^2001:db8::\/32 / },
  { step: { ...on, to: parsePrefix("10.1.0.0/24") }, gone: /^10\.1\.0\.0\/24 / },
];

for (const { step, gone } of DELETIONS) {
  test(`a route is deleted, and comes back as it was: ${gone.source}`, async () => {
    await kernel.apply([{ do: "add-netns", path: routed }]);
    execFileSync("ip", ["-n", "routed", "-batch", "-"], { input: ROUTED });
    const before = routes("routed");
    await assert.rejects(kernel.apply([step, broken]), { what: "delete link nosuch0" });
    assert.deepEqual(routes("routed"), before);
    await kernel.apply([step]);
    const after = before.filter((line) => !gone.test(line));
    assert.equal(after.length, before.length - 1);
    assert.deepEqual(routes("routed"), after);
    await assert.rejects(kernel.apply([{ ...on, to: parsePrefix("198.51.100.0/24") }]), { code: "ESRCH" });
    const missing: Step = { ...on, to: "default", via: parseAddress("10.1.0.99") };
    await assert.rejects(kernel.apply([missing]), { code: "ESRCH", what: "delete default route" });
    await kernel.dismantle([missing, { do: "remove-netns", path: routed }]);
  });
}

test("IPv6: addresses that are used at once, routes by gateways of the link and of the network", async () => {
  const host: Plan = [
    { do: "add-bridge", name: "br6", mtu: 1500 },
    { do: "set-link", name: "br6", up: true },
    { do: "add-address", link: "br6", address: parsePrefix("fd00:6::1/64"), noDad: true },
    { do: "add-address", link: "br6", address: parsePrefix("fe80::1/64"), noDad: true },
  ];
  const six = "/run/netns/six" as NetnsPath;
  const inside = { netns: six, link: "eth0" } as const;
  const peer = { netns: six, name: "eth0", mtu: 1500 };
  const plan: Plan = [
    ...host,
    { do: "add-netns", path: six },
    { do: "add-veth", name: "v6", mtu: 1500, master: "br6", up: true, peer },
    { do: "add-address", ...inside, address: parsePrefix("fd00:6::2/64") },
    { do: "add-route", ...inside, to: "default", via: parseAddress("fe80::1") },
    { do: "add-route", ...inside, to: parsePrefix("2001:db8:7::/48"), via: parseAddress("fd00:6::1") },
    { do: "add-route", ...inside, to: parsePrefix("2001:db8:8::/48") },
  ];
  const links = linksIn("");
  await assert.rejects(kernel.apply([...plan, broken]), { what: "delete link nosuch0" });
  assert.deepEqual(linksIn(""), links);
  await kernel.apply(plan);
  assert.doesNotMatch(sh("ip -6 addr show dev br6 scope global"), /tentative/);
  sh("nsenter --net=/run/netns/six ping -c1 -W2 fd00:6::1");
  const told = sh("ip -n six -6 route");
  assert.match(told, /^default via fe80::1 dev eth0 /m);
  assert.match(told, /^2001:db8:7::\/48 via fd00:6::1 dev eth0 /m);
  assert.match(told, /^2001:db8:8::\/48 dev eth0 /m);
  await kernel.apply([
    { do: "delete-route", netns: six, to: "default", family: 6 },
    { do: "add-route", ...inside, to: "default", via: parseAddress("fd00:6::1") },
  ]);
  assert.match(sh("ip -n six -6 route"), /^default via fd00:6::1 dev eth0 /m);
  // By the link alone: which family's default it is, is said.
  await kernel.apply([
    { do: "delete-route", netns: six, to: "default", family: 6 },
    { do: "add-route", ...inside, to: "default", family: 6 },
  ]);
  assert.match(sh("ip -n six -6 route"), /^default dev eth0 /m);
  await kernel.dismantle([
    { do: "delete-link", name: "v6" },
    { do: "delete-link", name: "br6" },
    { do: "remove-netns", path: six },
  ]);
});

test("without noDad, an address of the engine's namespace asks its neighbours first", async () => {
  sh("ip link add br9 type bridge; ip link set br9 up; sysctl -qw net.ipv6.conf.wire0.accept_dad=1");
  const address = parsePrefix("fd00:9::1/64");
  await kernel.apply([{ do: "add-address", link: "wire0", address }]);
  const [told] = json("ip -j addr show dev wire0")[0].addr_info.filter(
    ({ local }: { local: string }) => local === "fd00:9::1",
  );
  assert.equal(told.nodad, undefined);
  // One that was taken away in vain is in use again at once.
  await assert.rejects(kernel.apply([{ do: "delete-address", link: "wire0", address }, broken]), {
    what: "delete link nosuch0",
  });
  assert.doesNotMatch(sh("ip -6 addr show dev wire0 to fd00:9::1"), /tentative/);
  await kernel.apply([{ do: "delete-address", link: "wire0", address }]);
  sh("ip link delete br9");
});
