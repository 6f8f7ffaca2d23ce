/** What the drivers plan, carried out: networks of two families, macvlan, bridges that were there before. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { formatAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { designNetwork } from "../../src/network/create.ts";
import { drivers } from "../../src/network/drivers.ts";
import type { HostState } from "../../src/network/host-state.ts";
import { linkLocalOf } from "../../src/network/interface.ts";
import type { Endpoint, Network, NetworkRequest } from "../../src/network/types.ts";
import { isolated } from "../support/isolated.ts";
import { settings } from "../support/networks.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
const json = (command: string) => JSON.parse(sh(command));
const succeeds = (command: string): boolean => sh(`(${command}) >/dev/null 2>&1; echo $?`) === "0\n";

let kernel: Kernel;
before(async () => {
  kernel = await startKernel();
});
after(() => kernel.close());

const facts = async (): Promise<HostState> => {
  const [links, addresses, routes] = await Promise.all([kernel.links(), kernel.addresses(), kernel.routes()]);
  return { links, addresses, routes };
};

/** Designed and made, as the controller does it. */
async function create(request: Partial<NetworkRequest>): Promise<Network> {
  const there = await facts();
  const ula = parsePrefix("fd12:3456:789a::/48");
  const { network } = designNetwork(
    { name: "n", ...request },
    { networks: [], facts: there, settings, ula, spent: [] },
  );
  const driver = drivers[network.driver];
  driver.refuse(network, there);
  const made = { ...network, made: driver.remember(network, there) };
  await kernel.apply(driver.ensure(made, there));
  return made;
}

async function remove(network: Network): Promise<void> {
  await kernel.dismantle(drivers[network.driver].remove(network, await facts(), []));
}

let sandboxes = 0;

/** A sandbox without IPv6 at all, or one in which interfaces are born without it. */
async function open(bornWithout: "all" | "default" = "all"): Promise<NetnsPath> {
  sandboxes += 1;
  const path = `/run/netns/s${sandboxes}` as NetnsPath;
  await kernel.apply([
    { do: "add-netns", path, sysctls: { [`net.ipv6.conf.${bornWithout}.disable_ipv6`]: "1" } },
  ]);
  return path;
}

async function plug(
  network: Network,
  sandbox: NetnsPath,
  others: readonly Endpoint[] = [],
  driverOptions: Readonly<Record<string, string>> = {},
): Promise<Endpoint> {
  const driver = drivers[network.driver];
  const plugged = {
    network: network.id,
    networkName: network.name,
    containerName: "web",
    driverOptions,
    ...driver.connect(network, others, { taken: [], driverOptions }),
  } as unknown as Endpoint;
  await kernel.apply(driver.attach(network, plugged, sandbox));
  return plugged;
}

const inside = (sandbox: NetnsPath, command: string) => `nsenter --net=${sandbox} ${command}`;
const sysctl = (sandbox: NetnsPath, key: string) => sh(inside(sandbox, `sysctl -n ${key}`)).trim();

describe("a bridge network of two families", () => {
  for (const born of ["all", "default"] as const) {
    test(`reaches a sandbox where ${born}.disable_ipv6 is 1, at once`, async () => {
      const network = await create({ ipv6: true });
      const sandbox = await open(born);
      const { interfaceName, address, address6, gateway6, mac } = await plug(network, sandbox);
      assert.ok(interfaceName && address && address6 && gateway6 && mac);
      const [link] = json(inside(sandbox, `ip -j addr show dev ${interfaceName}`));
      const given = link.addr_info.map((each: { local: string }) => each.local).sort();
      const expected = [address.address, address6.address, linkLocalOf(mac)].map(formatAddress).sort();
      assert.deepEqual(given, expected);
      assert.equal(link.address, mac);
      assert.ok(succeeds(`ping -c1 -W1 ${formatAddress(address6.address)}`));
      assert.ok(succeeds(inside(sandbox, `ping -c1 -W1 ${formatAddress(gateway6)}`)));
      assert.deepEqual(
        ["accept_ra", "accept_dad"].map((key) => sysctl(sandbox, `net.ipv6.conf.eth0.${key}`)),
        ["0", "0"],
      );
      await remove(network);
      await kernel.dismantle([{ do: "remove-netns", path: sandbox }]);
    });
  }

  test("its bridge takes no address from a router, routes the loopback, and is not made twice", async () => {
    const options = { "com.docker.network.bridge.name": "br.0" };
    const network = await create({ ipv6: true, options });
    assert.equal(sh("cat /proc/sys/net/ipv6/conf/br.0/accept_ra"), "0\n");
    assert.equal(sh("cat /proc/sys/net/ipv4/conf/br.0/route_localnet"), "1\n");
    assert.deepEqual(drivers.bridge.ensure(network, await facts()), []);
    await remove(network);
    assert.ok(!succeeds("ip link show dev br.0"));
  });

  test("without IPv6 has none on its bridge, nor in the sandbox", async () => {
    const network = await create({ options: { "com.docker.network.bridge.name": "br0" } });
    const sandbox = await open("default");
    const sysctls = "net.ipv4.conf.IFNAME.log_martians=1";
    const driverOptions = {
      "com.docker.network.endpoint.sysctls": sysctls,
      "com.docker.network.endpoint.ifname": "wan.1",
    };
    await plug(network, sandbox, [], driverOptions);
    assert.equal(sh("ip -6 addr show dev br0"), "");
    assert.equal(sh(inside(sandbox, "ip -6 addr show dev wan.1")), "");
    assert.equal(sysctl(sandbox, "net.ipv4.conf.wan/1.log_martians"), "1");
    await remove(network);
    await kernel.dismantle([{ do: "remove-netns", path: sandbox }]);
  });
});

test("a bridge that was there before is used, and left as it was", async () => {
  sh("ip link add br0 type bridge && ip link set br0 mtu 1400 && ip addr add 10.1.0.1/24 dev br0");
  // The queue of a link that was up once is another, and no matter.
  const state = () =>
    sh(
      "ip -o addr show dev br0 scope global; ip -o link show dev br0 | sed 's/qdisc [a-z]*//'; cat /proc/sys/net/ipv4/conf/br0/route_localnet",
    );
  const was = state();
  const network = await create({
    ipv6: true,
    options: { "com.docker.network.bridge.name": "br0" },
    ipam: { config: [{ subnet: "10.1.0.0/24" }, { subnet: "fd00:1::/64" }] },
  });
  assert.match(state(), /fd00:1::1\/64/);
  assert.deepEqual(drivers.bridge.ensure(network, await facts()), []);
  await remove(network);
  assert.equal(state(), was);
  sh("ip link delete br0");
});

test("a macvlan network: two sandboxes on one parent reach each other, and go as they came", async () => {
  sh("ip link add p0 type veth peer name p1 && ip link set p0 up && ip link set p1 up");
  const network = await create({
    driver: "macvlan",
    ipv6: true,
    options: { parent: "p0" },
    ipam: { config: [{ subnet: "10.5.0.0/24" }, { subnet: "fd00:5::/64" }] },
  });
  const [one, two] = [await open(), await open()];
  const first = await plug(network, one);
  const second = await plug(network, two, [first]);
  assert.ok(first.interfaceName && second.address && second.address6);
  assert.ok(succeeds(inside(one, `ping -c1 -W1 ${formatAddress(second.address.address)}`)));
  assert.ok(succeeds(inside(one, `ping -c1 -W1 ${formatAddress(second.address6.address)}`)));
  assert.equal(json(inside(one, "ip -j link show dev eth0"))[0].address, first.mac);
  await kernel.dismantle(drivers.macvlan.detach(network, first, one));
  assert.ok(!succeeds(inside(one, "ip link show dev eth0")));
  await remove(network);
  await kernel.dismantle([one, two].map((path) => ({ do: "remove-netns", path })));
  sh("ip link delete p0");
});

// The last one: its thousand links go with the namespaces, which is faster than one by one.
test("a bridge that is full says so, with the way out", async () => {
  const network = await create({ options: { "com.docker.network.bridge.name": "br0" } });
  const ports = Array.from(
    { length: 1023 },
    (_, i) => `link add p${i} type veth peer name q${i}\nlink set p${i} master br0\n`,
  );
  sh(`ip -batch - <<'END'\n${ports.join("")}END`);
  const sandbox = await open();
  await assert.rejects(plug(network, sandbox), (thrown: unknown) => {
    assert.match(
      String(drivers.bridge.explain(network, thrown)),
      /br0 has 1023 ports.*docker network create/,
    );
    return true;
  });
  assert.ok(!succeeds(inside(sandbox, "ip link show dev eth0")));
});
