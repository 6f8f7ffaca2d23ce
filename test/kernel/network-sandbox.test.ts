/** Sandboxes as the kernel has them: facts, failures, crashes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { parsePrefix } from "../../src/lib/ip.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { unmount } from "../../src/linux/mount.ts";
import type { Plan } from "../../src/linux/plan.ts";
import { cleanNetworks } from "../../src/network/reconcile/clean.ts";
import type { Sandbox } from "../../src/network/types.ts";
import { isolated } from "../support/isolated.ts";
import { settings } from "../support/networks.ts";
import { inside, json, KernelHost, kernelState, pings, plugOf, sh, succeeds } from "./network-fixture.ts";

isolated(import.meta);

const kernel = await startKernel();
after(() => kernel.close());

let host: KernelHost;
beforeEach(() => {
  sh("sysctl -qw net.ipv4.ip_forward=0");
  host = new KernelHost(kernel);
});
afterEach(async () => {
  await cleanNetworks({ kernel, store: host.store, execRoot: host.execRoot });
  assert.deepEqual(readdirSync(join(host.execRoot, "netns")), []);
  assert.equal(sh("nft list ruleset; ip -o link | grep -v ' lo:' || true"), "");
  await host.remove();
});

describe("the host, before any container", () => {
  test("docker0 is a bridge with its address, up, and forwarding is on", async () => {
    await host.start();
    const [docker0] = json("ip -d -j addr show docker0");
    assert.equal(docker0.linkinfo.info_kind, "bridge");
    assert.ok(docker0.flags.includes("UP"));
    assert.equal(docker0.mtu, 1500);
    const [address] = docker0.addr_info.filter(({ family }: { family: string }) => family === "inet");
    assert.equal(`${address.local}/${address.prefixlen}`, "172.17.0.1/16");
    assert.equal(address.broadcast, "172.17.255.255");
    assert.equal(sh("sysctl -n net.ipv4.ip_forward").trim(), "1");
    assert.match(sh("brctl show"), /^docker0\t/m);
  });

  test("a second start changes nothing, and keeps the bridge's MAC", async () => {
    await host.start();
    const before = kernelState(host.execRoot);
    const mac = sh("cat /sys/class/net/docker0/address");
    await host.start();
    assert.equal(kernelState(host.execRoot), before);
    assert.equal(sh("cat /sys/class/net/docker0/address"), mac);
  });

  test("what was damaged is repaired: address, link state, rules", async () => {
    await host.start();
    const before = kernelState(host.execRoot);
    sh("ip addr flush dev docker0; ip link set docker0 down; nft flush ruleset");
    await host.start();
    assert.equal(kernelState(host.execRoot), before);
  });

  test("another engine's bridge is refused, and nothing is touched", async () => {
    sh("ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up");
    const state = () => sh("ip -4 addr show docker0; ip route; nft list ruleset; sysctl net.ipv4.ip_forward");
    const before = state();
    try {
      await assert.rejects(host.start(), {
        kind: "conflict",
        message: /docker0 is there already.*start with --bridge db0 --bip 172\.30\.0\.1\/16/,
      });
      assert.equal(state(), before);
      const bridge = { ...settings.bridge, name: "db0", bip: parsePrefix("172.30.0.1/16") };
      await host.start({ settings: { ...settings, bridge } });
      assert.equal(json("ip -j -4 addr show db0")[0].addr_info[0].local, "172.30.0.1");
    } finally {
      sh("ip link del docker0");
    }
  });

  test("who holds it is named: an engine that runs here, by its pid", async () => {
    sh("ip link add docker0 type bridge");
    const dockerd = spawn("sleep", ["60"], { argv0: "dockerd", stdio: "ignore" });
    try {
      await assert.rejects(host.start(), {
        message: new RegExp(`docker0 .* \\(Docker, running with pid ${dockerd.pid}\\): start with `),
      });
      dockerd.kill();
      await once(dockerd, "exit");
      await assert.rejects(host.start(), { message: /\(by its name of Docker, which does not run here\)/ });
    } finally {
      dockerd.kill();
      sh("ip link del docker0");
    }
  });

  test("a route to the same subnet is refused, with the link that holds it", async () => {
    sh(
      "ip link add held type veth peer name holder; ip link set held up; ip route add 172.17.8.0/24 dev held",
    );
    try {
      await assert.rejects(host.start(), {
        message: /172\.17\.0\.0\/16 overlaps with route 172\.17\.8\.0\/24 of link held/,
      });
      assert.ok(!succeeds("ip link show docker0"));
    } finally {
      sh("ip link del held");
    }
  });

  test("--clean gives the host back, forwarding included", async () => {
    await host.start();
    await cleanNetworks({ kernel, store: host.store, execRoot: host.execRoot });
    assert.equal(sh("sysctl -n net.ipv4.ip_forward").trim(), "0");
    assert.deepEqual(await host.store.list(""), []);
  });
});

describe("a sandbox on docker0", () => {
  test("has both ends, each knowing the other's index", async () => {
    const networks = await host.start();
    const sandbox = await networks.openSandbox(host.request("test1"));
    const plug = plugOf(sandbox);
    const [outer] = json(`ip -d -j link show ${plug.hostInterface}`);
    const [inner] = json(inside(sandbox, "ip -d -j addr show eth0"));
    assert.equal(outer.ifindex, plug.ifindex);
    assert.equal(outer.link_index, inner.ifindex);
    assert.equal(inner.ifindex, plug.peerIfindex);
    assert.equal(inner.link_index, plug.ifindex);
    assert.equal(outer.master, "docker0");
    assert.equal(outer.ifalias, "test1 @ bridge");
    const statistic = (text: string) => Number(/peer_ifindex: (\d+)/.exec(text)?.[1]);
    assert.equal(statistic(sh(`ethtool -S ${plug.hostInterface}`)), plug.peerIfindex);
    assert.equal(statistic(sh(inside(sandbox, "ethtool -S eth0"))), plug.ifindex);
    for (const link of [outer, inner])
      assert.ok(link.flags.includes("UP") && link.flags.includes("LOWER_UP"));
    assert.equal(inner.address, "02:42:ac:11:00:02");
    const [address] = inner.addr_info;
    assert.deepEqual(
      [address.local, address.prefixlen, address.broadcast],
      ["172.17.0.2", 16, "172.17.255.255"],
    );
    assert.equal(inner.addr_info.length, 1, "no IPv6 address");
    const [route] = json(inside(sandbox, "ip -j route show default"));
    assert.deepEqual([route.gateway, route.dev], ["172.17.0.1", "eth0"]);
    assert.ok(json(inside(sandbox, "ip -j link show lo"))[0].flags.includes("UP"));
  });

  test("has Docker's sysctls, the user's over them, and no IPv6", async () => {
    const networks = await host.start();
    const sysctls = { "net.ipv4.conf.eth0.log_martians": "1", "net.core.somaxconn": "77" };
    const sandbox = await networks.openSandbox(host.request("a", { sysctls }));
    const values = (keys: string) =>
      sh(inside(sandbox, `sysctl -n ${keys}`))
        .trim()
        .split("\n");
    assert.deepEqual(values("net.ipv4.ip_unprivileged_port_start net.ipv4.ping_group_range"), [
      "0",
      "0\t2147483647",
    ]);
    assert.deepEqual(values("net.ipv4.conf.eth0.log_martians net.core.somaxconn"), ["1", "77"]);
    const six = ["all", "default", "lo", "eth0"]
      .map((link) => `net.ipv6.conf.${link}.disable_ipv6`)
      .join(" ");
    assert.deepEqual(values(six), ["1", "1", "1", "1"]);
    assert.equal(sh(inside(sandbox, "ip -6 addr")), "");
  });

  test("is a file that `ip netns exec` takes", async () => {
    const networks = await host.start();
    const sandbox = await networks.openSandbox(host.request("a"));
    assert.equal(sandbox.key, join(host.execRoot, "netns", sandbox.id.slice(0, 12)));
    symlinkSync(sandbox.key, "/run/netns/c1");
    try {
      assert.match(sh("ip netns exec c1 ip -o link show eth0"), /eth0@if/);
    } finally {
      unlinkSync("/run/netns/c1");
    }
  });

  test("twenty at once, and all of them gone again", async () => {
    const networks = await host.start();
    const before = kernelState(host.execRoot);
    const requests = Array.from({ length: 20 }, (_, i) => host.request(`c${i}`));
    const sandboxes = await Promise.all(requests.map((request) => networks.openSandbox(request)));
    const addresses = sandboxes.map(
      (sandbox) => json(inside(sandbox, "ip -j -4 addr show eth0"))[0].addr_info[0].local,
    );
    assert.equal(new Set(addresses).size, 20);
    await Promise.all(requests.map(({ container }) => networks.closeSandbox(container)));
    assert.equal(kernelState(host.execRoot), before);
  });

  test("a failure at any step leaves nothing", async () => {
    let failAfter = 0;
    let steps = 1;
    const failing: Kernel = {
      ...methodsOf(kernel),
      apply: (plan: Plan) => {
        if (!plan.some((step) => step.do === "add-veth")) return kernel.apply(plan);
        steps = plan.length;
        return kernel.apply([...plan.slice(0, failAfter), { do: "set-link", name: "nosuch", up: true }]);
      },
    };
    const networks = await host.start({ kernel: failing });
    const before = kernelState(host.execRoot);
    const records = await host.store.list("sandbox/");
    for (; failAfter <= steps; failAfter += 1) {
      const request = host.request(`fails-after-${failAfter}`);
      await assert.rejects(
        networks.openSandbox(request),
        /set link nosuch: No such device \(ENODEV\)|ENODEV/,
      );
      assert.equal(kernelState(host.execRoot), before);
      assert.deepEqual(await host.store.list("sandbox/"), records);
      assert.deepEqual(readdirSync(request.directory), []);
    }
    assert.equal(steps, 5);
  });
});

describe("other modes", () => {
  test("none has lo only", async () => {
    const networks = await host.start();
    const mode = { kind: "own", endpoints: [{ network: "none" }] } as const;
    const sandbox = await networks.openSandbox(host.request("a", { mode }));
    const links = json(inside(sandbox, "ip -j link")).map(({ ifname }: { ifname: string }) => ifname);
    assert.deepEqual(links, ["lo"]);
    await networks.closeSandbox(sandbox.container);
    assert.ok(!existsSync(sandbox.key));
  });

  test("host is the host's own namespace, pinned, with the host's own files", async () => {
    const networks = await host.start();
    const request = host.request("a", { mode: { kind: "host" } });
    const sandbox = await networks.openSandbox(request);
    assert.equal(sandbox.key, join(host.execRoot, "netns/default"));
    assert.equal(statSync(sandbox.key).ino, statSync("/proc/self/ns/net").ino);
    const read = (name: string) => readFileSync(join(request.directory, name), "utf8");
    assert.equal(read("hosts"), readFileSync("/etc/hosts", "utf8"));
    assert.equal(read("resolv.conf"), "nameserver 203.0.113.1\n");
    assert.equal(networks.endpointsOf(networks.find("host").id).length, 1);
    await networks.closeSandbox(sandbox.container);
    assert.ok(succeeds("ip link show docker0"));
  });

  test("a pin of the host's namespace from another life is replaced", async () => {
    const networks = await host.start();
    const path = join(host.execRoot, "netns/default");
    sh(`touch ${path}; unshare -n sh -c 'mount --bind /proc/self/ns/net ${path}'`);
    await networks.openSandbox(host.request("a", { mode: { kind: "host" } }));
    assert.equal(statSync(path).ino, statSync("/proc/self/ns/net").ino);
    unmount(path, { lazy: true });
  });

  test("container: shares the very namespace, and outlives neither link nor address of its owner", async () => {
    const networks = await host.start();
    const owner = await networks.openSandbox(host.request("owner"));
    const mode = { kind: "container", container: owner.container } as const;
    const sharer = await networks.openSandbox(host.request("sharer", { mode }));
    assert.equal(sharer.key, owner.key);
    await networks.closeSandbox(owner.container);
    assert.ok(!succeeds(`ip link show ${plugOf(owner).hostInterface}`));
    await networks.closeSandbox(sharer.container);
  });
});

describe("an engine that was killed", () => {
  const opened = async (): Promise<[Sandbox, Sandbox]> => {
    const networks = await host.start();
    return [await networks.openSandbox(host.request("a")), await networks.openSandbox(host.request("b"))];
  };

  test("comes back: the living keep address, ids and reach, the dead are freed", async () => {
    const [a, b] = await opened();
    const again = await host.start({ alive: [b.container] });
    assert.deepEqual(again.sandboxOf(b.container), b);
    assert.ok(pings(b, "172.17.0.1"));
    assert.ok(!existsSync(a.key));
    assert.ok(!succeeds(`ip link show ${plugOf(a).hostInterface}`));
    const c = await again.openSandbox(host.request("c"));
    assert.deepEqual(plugOf(c).address, plugOf(a).address);
    assert.ok(pings(c, "172.17.0.3"));
  });

  test("closes what it finds as if it had opened it itself", async () => {
    const [a, b] = await opened();
    const again = await host.start({ alive: [a.container, b.container] });
    await Promise.all([a, b].map(({ container }) => again.closeSandbox(container)));
    assert.deepEqual(readdirSync(join(host.execRoot, "netns")), []);
    assert.ok(!sh("nft list ruleset").includes("veth"));
  });

  test("finds the firewall flushed meanwhile, and the living are guarded again", async () => {
    const [a] = await opened();
    sh("nft flush ruleset");
    await host.start({ alive: [a.container] });
    assert.match(sh("nft list set bridge drawbridge-guard ports"), new RegExp(plugOf(a).hostInterface));
    assert.ok(pings(a, "172.17.0.1"));
  });

  test("before its record was taken back: a half-made sandbox is freed", async () => {
    const [a] = await opened();
    sh(`ip link del ${plugOf(a).hostInterface}`);
    await host.start();
    assert.deepEqual(readdirSync(join(host.execRoot, "netns")), []);
    assert.deepEqual(await host.store.list("sandbox/"), []);
  });
});

test("a renamed container's link says so", async () => {
  const networks = await host.start();
  const sandbox = await networks.openSandbox(host.request("old"));
  await networks.renameContainer(sandbox.container, "new");
  assert.equal(json(`ip -d -j link show ${plugOf(sandbox).hostInterface}`)[0].ifalias, "new @ bridge");
});

/** A kernel's methods as plain functions, to replace some of them. */
function methodsOf(of: Kernel): Kernel {
  const {
    apply,
    dismantle,
    deleteLinks,
    links,
    addresses,
    routes,
    neighbours,
    nft,
    readSysctl,
    forgetConnections,
    traffic,
  } = of;
  return {
    apply,
    dismantle,
    deleteLinks,
    links,
    addresses,
    routes,
    neighbours,
    nft,
    readSysctl,
    traffic,
    forgetConnections,
    close: () => of.close(),
  };
}
