/** Networks of one's own, and sandboxes that change while they are open. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix } from "../../src/lib/ip.ts";
import type { Step } from "../../src/linux/plan.ts";
import type { Sandbox } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { FailingStore, FakeHost, on, stateOf, TCP80, withNetworks } from "./network-fakes.ts";

const interfaces = ({ endpoints }: Sandbox): string[] =>
  endpoints.map(
    ({ interfaceName, networkName, address }) =>
      `${interfaceName} ${networkName} ${address && formatPrefix(address)}`,
  );

const kinds = (plan: readonly Step[] | undefined): string[] => (plan ?? []).map((step) => step.do);

describe("a network of one's own", () => {
  test("stands with a subnet, a bridge and its rules, and goes with them", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const before = stateOf(host);
    const { network } = await networks.create({ name: "a" });
    assert.equal(formatPrefix(network.ipam.pools[0]?.subnet ?? assert.fail()), "172.18.0.0/16");
    assert.ok(host.kernel.hostLinks.some(({ name }) => name === `br-${network.id.slice(0, 12)}`));
    await networks.remove("a");
    assert.deepEqual(stateOf(host), before);
    assert.deepEqual(await store.list(`network/${network.id}`), []);
    assert.deepEqual(
      host.events.map(({ type, action, actor }) => [type, action, actor.attributes.name]),
      [
        ["network", "create", "a"],
        ["network", "destroy", "a"],
      ],
    );
  });

  test("has its containers' names in DNS, and a resolver in their sandboxes", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a");
    const request = host.request("web", on("a"));
    const sandbox = await networks.openSandbox(request);
    const [endpoint] = sandbox.endpoints;
    assert.ok(endpoint);
    assert.deepEqual(host.dns.endpoints.get(endpoint.id)?.names, endpoint.dnsNames);
    assert.equal(endpoint.dnsNames[0], "web");
    assert.deepEqual(host.dns.sandboxes.get(sandbox.id)?.networks, [endpoint.network]);
    assert.match(readFileSync(join(request.directory, "resolv.conf"), "utf8"), /^nameserver 127\.0\.0\.11$/m);
    await networks.closeSandbox(request.container);
    assert.equal(host.dns.endpoints.size + host.dns.sandboxes.size, 0);
  });

  test("is not removed while a container is on it, and says which", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a");
    await networks.openSandbox(host.request("web", on("a")));
    await assert.rejects(networks.remove("a"), {
      kind: "forbidden",
      message: /active endpoints \(name:"web"/,
    });
    assert.deepEqual(await networks.prune(() => true), []);
    assert.equal(networks.find("a").name, "a");
  });

  test("the default ones are not removed", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    for (const name of ["bridge", "host", "none"]) {
      await assert.rejects(networks.remove(name), {
        kind: "forbidden",
        message: `${name} is a pre-defined network and cannot be removed`,
      });
    }
  });

  test("that can't be made leaves nothing", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const before = stateOf(host);
    for (const step of ["add-elements", "add-bridge", "set-link"] as const) {
      host.kernel.failAt = step;
      await assert.rejects(networks.create({ name: "a" }), { message: `${step} failed` });
    }
    host.kernel.failAt = undefined;
    assert.deepEqual(stateOf(host), before);
    assert.equal((await store.list("network/")).length, 3);
    assert.deepEqual(host.events, []);
  });

  test("comes back with the engine, with what is on it", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await withNetworks(host, store, "a");
    const sandbox = await networks.openSandbox(host.request("web", { ...on("a"), ports: [TCP80] }));
    const again = await host.start(store, { alive: [sandbox.container] });
    assert.deepEqual(again.list(), networks.list());
    assert.deepEqual(again.sandboxOf(sandbox.container), sandbox);
    assert.match(host.kernel.rulesLoaded.at(-1) ?? "", /tcp \. 8080 : 172\.18\.0\.2 \. 80/);
  });
});

describe("joining and leaving while it runs", () => {
  test("the next interface, and the default route by name", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a", "b");
    const { container } = await networks.openSandbox(host.request("web", on("b")));
    const sandbox = await networks.connect(container, { network: "a" });
    assert.deepEqual(interfaces(sandbox), ["eth0 b 172.19.0.2/16", "eth1 a 172.18.0.2/16"]);
    const routes = host.kernel.applied.at(-1)?.filter((step) => step.do.endsWith("-route"));
    assert.deepEqual(kinds(routes), ["delete-route", "add-route"]);
    assert.deepEqual(networks.sandboxOf(container), sandbox);
  });

  test("a higher gw-priority has the default route", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a", "b");
    const endpoints = [{ network: "a" }, { network: "b", gatewayPriority: 1 }];
    await networks.openSandbox(host.request("web", { mode: { kind: "own", endpoints } }));
    const route = host.kernel.applied.at(-1)?.find((step) => step.do === "add-route");
    assert.equal(route?.via && formatAddress(route.via), "172.19.0.1");
  });

  test("leaving gives all back, and its place is free", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a", "b");
    const request = host.request("web", on("a"));
    const { container } = await networks.openSandbox(request);
    const before = stateOf(host);
    const hosts = () => readFileSync(join(request.directory, "hosts"), "utf8");
    const alone = hosts();
    await networks.connect(container, { network: "b" });
    assert.match(hosts(), /^172\.19\.0\.2\tweb$/m);
    const sandbox = await networks.disconnect(container, networks.find("b").id, { force: false });
    assert.deepEqual(interfaces(sandbox), ["eth0 a 172.18.0.2/16"]);
    assert.deepEqual(stateOf(host), before);
    assert.equal(hosts(), alone);
    const again = await networks.connect(container, { network: "b" });
    assert.deepEqual(interfaces(again), ["eth0 a 172.18.0.2/16", "eth1 b 172.19.0.2/16"]);
  });

  test("refused: twice, a network that is not there, one that it isn't on", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a");
    const { container } = await networks.openSandbox(host.request("web", on("a")));
    const before = stateOf(host);
    await assert.rejects(networks.connect(container, { network: "a" }), {
      kind: "forbidden",
      message: "endpoint with name web already exists in network a",
    });
    await assert.rejects(networks.connect(container, { network: "x" }), { kind: "not-found" });
    await assert.rejects(networks.connect(container, { network: "host" }), { kind: "invalid" });
    await assert.rejects(networks.disconnect(container, networks.find("bridge").id, { force: false }), {
      kind: "not-found",
    });
    assert.deepEqual(stateOf(host), before);
  });

  test("whatever fails, it is as it was", async () => {
    using host = new FakeHost();
    const store = new FailingStore();
    const networks = await withNetworks(host, store, "a", "b");
    const request = host.request("web", { ...on("b"), ports: [TCP80] });
    const { container } = await networks.openSandbox(request);
    const [before, sandbox] = [stateOf(host), networks.sandboxOf(container)];
    const records = await store.list("sandbox/");
    const join = () => networks.connect(container, { network: "a" });
    for (const step of ["add-elements", "add-veth", "add-address", "add-route"] as const) {
      host.kernel.failAt = step;
      await assert.rejects(join(), { message: `${step} failed` });
    }
    host.kernel.failAt = undefined;
    host.dns.failing = true;
    await assert.rejects(join(), { message: "no sockets left" });
    host.dns.failing = false;
    store.failing = true;
    await assert.rejects(join(), { message: "disk full" });
    store.failing = false;
    assert.deepEqual(stateOf(host), before);
    assert.deepEqual(networks.sandboxOf(container), sandbox);
    assert.deepEqual(await store.list("sandbox/"), records);
    assert.equal((await join()).endpoints.length, 2);
  });

  test("two hundred at once leave kernel and store equal", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const names = ["a", "b", "c", "d"];
    const networks = await withNetworks(host, store, ...names);
    const containers = await Promise.all(
      Array.from({ length: 5 }, async (_, at) => {
        const { container } = await networks.openSandbox(host.request(`c${at}`, on("bridge")));
        return container;
      }),
    );
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, (_, at) => {
        const container = containers[at % 5] ?? assert.fail();
        const network = names[Math.floor(at / 5) % 4] ?? assert.fail();
        return at % 3 === 0
          ? networks.disconnect(container, networks.find(network).id, { force: false })
          : networks.connect(container, { network });
      }),
    );
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.match(outcome.reason.message, /already exists|not connected/);
    }
    const endpoints = containers.flatMap((container) => networks.sandboxOf(container)?.endpoints ?? []);
    const addresses = endpoints.map(({ address }) => address && formatAddress(address.address));
    assert.equal(new Set(addresses).size, endpoints.length);
    const links = host.kernel.hostLinks.filter(({ kind }) => kind === "veth").map(({ name }) => name);
    assert.deepEqual(
      links.toSorted(),
      endpoints.flatMap(({ hostInterface }) => hostInterface ?? []).toSorted(),
    );
    const again = await host.start(store, { alive: containers });
    for (const container of containers) {
      assert.deepEqual(again.sandboxOf(container), networks.sandboxOf(container));
    }
    for (const container of containers) await networks.closeSandbox(container);
    for (const name of names) await networks.remove(name);
    assert.deepEqual(host.kernel.leftovers, []);
  });
});
