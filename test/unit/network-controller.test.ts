import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatAddress, parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import type { Networks } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { settings } from "../support/networks.ts";
import { addressesOf, FailingStore, FakeHost } from "./network-fakes.ts";

const sandboxKeys = async (store: MemoryStore): Promise<string[]> =>
  (await store.list("sandbox/")).map(({ key }) => key);

describe("opening a sandbox", () => {
  test("gives the facts that inspect shows", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const request = host.request("test1");
    const sandbox = await networks.openSandbox(request);
    const [endpoint] = sandbox.endpoints;
    assert.ok(endpoint);
    assert.equal(sandbox.key, join(host.directory, "exec/netns", sandbox.id.slice(0, 12)));
    assert.match(endpoint.hostInterface ?? "", /^veth[0-9a-f]{7}$/);
    assert.equal(endpoint.interfaceName, "eth0");
    assert.equal(endpoint.mac, "02:42:ac:11:00:02");
    assert.deepEqual(addressesOf(sandbox), ["172.17.0.2/16"]);
    assert.equal(endpoint.gateway && formatAddress(endpoint.gateway), "172.17.0.1");
    assert.ok(endpoint.ifindex && endpoint.peerIfindex && endpoint.ifindex !== endpoint.peerIfindex);
    assert.deepEqual(networks.sandboxOf(request.container), sandbox);
    assert.deepEqual(networks.endpointsOf(networks.find("bridge").id), [endpoint]);
  });

  test("the firewall knows its address before its link is there, and the user's sysctls come last", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    await networks.openSandbox(host.request("a", { sysctls: { "net.ipv4.conf.eth0.forwarding": "0" } }));
    const steps = host.kernel.applied.at(-1)?.map((step) => (step.do === "set-sysctl" ? step.key : step.do));
    assert.deepEqual(steps, [
      "add-elements",
      "add-netns",
      "add-veth",
      "add-address",
      "add-route",
      "net.ipv4.conf.eth0.forwarding",
    ]);
    const made = host.kernel.applied.at(-1)?.find((step) => step.do === "add-netns");
    assert.deepEqual(made?.sysctls, {
      "net.ipv4.ip_unprivileged_port_start": "0",
      "net.ipv4.ping_group_range": "0\t2147483647",
      ...(existsSync("/proc/sys/net/ipv6") && { "net.ipv6.conf.all.disable_ipv6": "1" }),
    });
  });

  test("a user's sysctl takes the place of a default one", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const key = "net.ipv4.ip_unprivileged_port_start";
    await networks.openSandbox(host.request("a", { sysctls: { [key]: "1024" } }));
    const set = host.kernel.applied.at(-1)?.flatMap((step) => (step.do === "set-sysctl" ? [step] : []));
    assert.deepEqual(
      set?.filter((step) => step.key === key).map(({ value }) => value),
      ["1024"],
    );
  });

  test("twenty at once get an address each, the lowest first", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const sandboxes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => networks.openSandbox(host.request(`c${i}`))),
    );
    assert.deepEqual(
      sandboxes.flatMap(addressesOf),
      Array.from({ length: 20 }, (_, i) => `172.17.0.${i + 2}/16`),
    );
    assert.equal(
      new Set(sandboxes.flatMap(({ endpoints }) => endpoints.map((e) => e.hostInterface))).size,
      20,
    );
  });

  test("writes hosts and resolv.conf", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const request = host.request("web", { extraHosts: ["gw:host-gateway"], dnsSearch: ["example.com"] });
    await networks.openSandbox(request);
    const read = (name: string) => readFileSync(join(request.directory, name), "utf8");
    assert.equal(read("hosts"), "127.0.0.1\tlocalhost\n172.17.0.1\tgw\n172.17.0.2\tweb\n");
    assert.equal(read("resolv.conf"), "nameserver 10.0.0.53\nsearch example.com\n");
  });

  test("a MAC address of one's own is kept", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const mac = parseMac("02:00:00:00:00:07");
    const mode = { kind: "own", endpoints: [{ network: "bridge", mac }] } as const;
    const sandbox = await networks.openSandbox(host.request("a", { mode }));
    assert.equal(sandbox.endpoints[0]?.mac, mac);
  });

  test("on `none` there is a namespace and an endpoint without an interface", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const mode = { kind: "own", endpoints: [{ network: "none" }] } as const;
    const sandbox = await networks.openSandbox(host.request("a", { mode }));
    const [endpoint] = sandbox.endpoints;
    assert.equal(endpoint?.networkName, "none");
    assert.equal(endpoint?.interfaceName, undefined);
    assert.ok(host.kernel.namespaces.has(sandbox.key));
    await networks.closeSandbox(sandbox.container);
    assert.deepEqual(host.kernel.leftovers, []);
  });

  test("the next addresses follow the pool's range, until it is full", async () => {
    using host = new FakeHost();
    const bridge = { ...settings.bridge, fixedCidr: parsePrefix("172.17.9.0/31") };
    const networks = await host.start(new MemoryStore(), { settings: { ...settings, bridge } });
    const open = (name: string) => networks.openSandbox(host.request(name));
    assert.deepEqual((await Promise.all([open("a"), open("b")])).flatMap(addressesOf), [
      "172.17.9.0/16",
      "172.17.9.1/16",
    ]);
    await assert.rejects(open("c"), {
      message: /no available IPv4 addresses on this network's address pools: bridge/,
    });
  });
});

describe("a sandbox that can't be opened", () => {
  const refused: Record<string, [Parameters<FakeHost["request"]>[1], object]> = {
    "on a network that is not there": [
      { mode: { kind: "own", endpoints: [{ network: "x" }] } },
      { kind: "not-found", message: "network x not found" },
    ],
    "with --ip on the default bridge": [
      { mode: { kind: "own", endpoints: [{ network: "bridge", address: parseAddress("172.17.0.9") }] } },
      { kind: "invalid", message: "user specified IP address is supported on user defined networks only" },
    ],
    "with an alias on the default bridge": [
      { mode: { kind: "own", endpoints: [{ network: "bridge", aliases: ["db"] }] } },
      { kind: "invalid", message: /network-scoped alias/ },
    ],
    "on host and another network": [
      { mode: { kind: "own", endpoints: [{ network: "bridge" }, { network: "host" }] } },
      { kind: "invalid", message: /connected to host network/ },
    ],
    "on none and another network": [
      { mode: { kind: "own", endpoints: [{ network: "bridge" }, { network: "none" }] } },
      { kind: "invalid", message: /private \(none\) mode/ },
    ],
    "twice on one network": [
      { mode: { kind: "own", endpoints: [{ network: "bridge" }, { network: "bridge" }] } },
      { kind: "forbidden", message: /already exists in network bridge/ },
    ],
    "with a sysctl of the host": [{ sysctls: { "kernel.domainname": "x" } }, { kind: "invalid" }],
    "in host mode with a sysctl": [
      { mode: { kind: "host" }, sysctls: { "net.ipv4.ip_forward": "1" } },
      { kind: "invalid" },
    ],
    "with a resolver that is no address": [
      { dns: ["resolver.example"] },
      { kind: "invalid", message: "resolver.example is not an IP address" },
    ],
  };
  for (const [name, [more, error]] of Object.entries(refused)) {
    test(`${name}: refused before anything is touched`, async () => {
      using host = new FakeHost();
      const store = new MemoryStore();
      const networks = await host.start(store);
      const before = host.kernel.applied.length;
      await assert.rejects(networks.openSandbox(host.request("a", more)), error);
      assert.equal(host.kernel.applied.length, before);
      assert.deepEqual(await sandboxKeys(store), []);
    });
  }

  test("options that the mode leaves no room for are refused at create", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const mode = { kind: "container", container: host.request("other").container } as const;
    const check = (more: object) => () =>
      networks.check({ mode, dns: [], extraHosts: [], sysctls: {}, ports: [], ...more });
    assert.throws(check({ dns: ["10.0.0.1"] }), { message: "conflicting options: dns and the network mode" });
    assert.throws(check({ extraHosts: ["a:10.0.0.1"] }), {
      message: "conflicting options: custom host-to-IP mapping and the network mode",
    });
    assert.doesNotThrow(check({}));
  });

  async function assertNothingLeft(host: FakeHost, store: MemoryStore, networks: Networks): Promise<void> {
    assert.deepEqual(host.kernel.leftovers, []);
    assert.deepEqual(await sandboxKeys(store), []);
    assert.deepEqual(networks.endpointsOf(networks.find("bridge").id), []);
    assert.deepEqual(host.events, []);
    const next = await networks.openSandbox(host.request("next"));
    assert.deepEqual(addressesOf(next), ["172.17.0.2/16"]);
  }

  test("the kernel refuses: nothing is left, the address is free", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    host.kernel.failAt = "add-route";
    const request = host.request("a");
    await assert.rejects(networks.openSandbox(request), { message: "add-route failed" });
    host.kernel.failAt = undefined;
    assert.ok(!existsSync(join(request.directory, "hosts")));
    await assertNothingLeft(host, store, networks);
  });

  test("its directory is gone: what the kernel made is taken down", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const request = { ...host.request("a"), directory: join(host.directory, "gone") };
    await assert.rejects(networks.openSandbox(request), { code: "ENOENT" });
    await assertNothingLeft(host, store, networks);
  });

  test("the store refuses: the kernel is not touched", async () => {
    using host = new FakeHost();
    const store = new FailingStore();
    const networks = await host.start(store);
    store.failing = true;
    const before = host.kernel.applied.length;
    await assert.rejects(networks.openSandbox(host.request("a")), { message: "disk full" });
    assert.equal(host.kernel.applied.length, before);
    store.failing = false;
    await assertNothingLeft(host, store, networks);
  });

  test("a container has one sandbox at a time", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const request = host.request("a");
    await networks.openSandbox(request);
    await assert.rejects(networks.openSandbox(request), { kind: "conflict" });
    assert.equal(networks.endpointsOf(networks.find("bridge").id).length, 1);
  });
});

describe("closing a sandbox", () => {
  test("leaves nothing, and frees the address", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const first = await networks.openSandbox(host.request("a"));
    await networks.openSandbox(host.request("b"));
    await networks.closeSandbox(first.container);
    assert.equal(networks.sandboxOf(first.container), undefined);
    assert.equal((await sandboxKeys(store)).length, 1);
    assert.deepEqual(addressesOf(await networks.openSandbox(host.request("c"))), ["172.17.0.2/16"]);
  });

  test("is no failure where there is none", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    await networks.closeSandbox(host.request("a").container);
    assert.deepEqual(host.events, []);
  });

  test("asked for while it opens, it waits for its turn", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const request = host.request("a");
    const opening = networks.openSandbox(request);
    await networks.closeSandbox(request.container);
    await opening;
    assert.deepEqual(host.kernel.leftovers, []);
    assert.equal(networks.sandboxOf(request.container), undefined);
  });

  test("events tell of connect and disconnect in Docker's words", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const { container } = await networks.openSandbox(host.request("a"));
    await networks.closeSandbox(container);
    const actor = {
      id: networks.find("bridge").id,
      attributes: { container, name: "bridge", type: "bridge" },
    };
    assert.deepEqual(host.events, [
      { type: "network", action: "connect", actor },
      { type: "network", action: "disconnect", actor },
    ]);
  });
});

describe("sharing another's namespace", () => {
  test("is refused where that one does not run", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const { container } = host.request("owner");
    const mode = { kind: "container", container } as const;
    await assert.rejects(networks.openSandbox(host.request("sharer", { mode })), {
      kind: "conflict",
      message: `cannot join network of a non running container: ${container}`,
    });
  });

  test("gives its path, writes no files, and takes nothing down at the end", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const owner = host.request("owner");
    const owned = await networks.openSandbox(owner);
    const sharer = host.request("sharer", { mode: { kind: "container", container: owner.container } });
    const shared = await networks.openSandbox(sharer);
    assert.equal(shared.key, owned.key);
    assert.equal(shared.mode, "shared");
    assert.notEqual(shared.id, owned.id);
    assert.deepEqual(readdirSync(sharer.directory), []);
    await networks.closeSandbox(sharer.container);
    assert.ok(host.kernel.namespaces.has(owned.key));
  });
});

describe("names", () => {
  test("a network is found by name, id, or an unambiguous prefix of the id", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const bridge = networks.find("bridge");
    assert.equal(networks.find(bridge.id), bridge);
    assert.equal(networks.find(bridge.id.slice(0, 12)), bridge);
    assert.throws(() => networks.find("nosuch"), { kind: "not-found", message: "network nosuch not found" });
    assert.throws(() => networks.find(""), { kind: "not-found" });
  });

  test("a renamed container is renamed in its endpoints and its link's alias", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const { container, endpoints } = await networks.openSandbox(host.request("old"));
    await networks.renameContainer(container, "new");
    assert.equal(networks.sandboxOf(container)?.endpoints[0]?.containerName, "new");
    assert.deepEqual(host.kernel.applied.at(-1), [
      { do: "set-link", name: endpoints[0]?.hostInterface, alias: "new @ bridge" },
    ]);
  });
});
