/** Networks of one's own, and sandboxes that change while they are open. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix, parseAddress } from "../../src/lib/ip.ts";
import type { Step } from "../../src/linux/plan.ts";
import type { Networks, PublishRequest, Sandbox } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { bindingText, FailingStore, FakeHost } from "./network-fakes.ts";

const TCP80: PublishRequest = { protocol: "tcp", port: 80, hostPorts: { first: 8080, last: 8080 } };

const on = (...networks: readonly string[]) =>
  ({ mode: { kind: "own", endpoints: networks.map((network) => ({ network })) } }) as const;

async function withNetworks(host: FakeHost, store: MemoryStore, ...names: string[]): Promise<Networks> {
  const networks = await host.start(store);
  for (const name of names) await networks.create({ name });
  return networks;
}

const interfaces = ({ endpoints }: Sandbox): string[] =>
  endpoints.map(
    ({ interfaceName, networkName, address }) =>
      `${interfaceName} ${networkName} ${address && formatPrefix(address)}`,
  );

const kinds = (plan: readonly Step[] | undefined): string[] => (plan ?? []).map((step) => step.do);

/** Every element that stands, without those of the loaded rules. */
const stateOf = (host: FakeHost): unknown => ({
  elements: [...host.kernel.elements].toSorted(),
  links: host.kernel.hostLinks.map(({ name }) => name).toSorted(),
  namespaces: [...host.kernel.namespaces].toSorted(),
  ports: [...host.ports.held].toSorted(),
  names: [...host.dns.endpoints.keys()].toSorted(),
});

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

describe("published ports", () => {
  const published = (host: FakeHost): string[] =>
    [...host.kernel.elements].filter((element) => element.includes('"published4_any"'));

  test("lead to the network that has the default route, and outlive its leaving", async () => {
    using host = new FakeHost();
    const networks = await withNetworks(host, new MemoryStore(), "a", "b");
    const request = host.request("web", { ...on("a", "b"), ports: [TCP80] });
    const { container, ports } = await networks.openSandbox(request);
    assert.equal(ports[0] && bindingText(ports[0]), "0.0.0.0:8080->80/tcp");
    assert.equal(published(host).length, 1);
    assert.ok(published(host)[0]?.includes(String(parseAddress("172.18.0.2").bits)));
    await networks.disconnect(container, networks.find("a").id, { force: false });
    assert.equal(published(host).length, 1);
    assert.ok(published(host)[0]?.includes(String(parseAddress("172.19.0.2").bits)));
    await networks.closeSandbox(container);
    assert.deepEqual([published(host), [...host.ports.held]], [[], []]);
  });

  test("wait for a network that can carry them", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    await networks.create({ name: "inner", internal: true });
    await networks.create({ name: "outer" });
    const { container, ports } = await networks.openSandbox(
      host.request("web", { ...on("inner"), ports: [TCP80] }),
    );
    assert.deepEqual([ports, [...host.ports.held]], [[], []]);
    const sandbox = await networks.connect(container, { network: "outer" });
    assert.ok(sandbox.ports.length > 0);
    assert.equal(published(host).length, 1);
  });

  test("one that is taken is refused in Docker's words, and nothing is left", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    await networks.openSandbox(host.request("one", { ports: [TCP80] }));
    const before = stateOf(host);
    await assert.rejects(networks.openSandbox(host.request("two", { ports: [TCP80] })), {
      message:
        /^driver failed programming external connectivity on endpoint two \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
    });
    assert.deepEqual(stateOf(host), before);
  });

  test("are opened and closed while it runs", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const { container } = await networks.openSandbox(host.request("web"));
    const before = stateOf(host);
    const { ports } = await networks.publish(container, [TCP80]);
    assert.equal(published(host).length, 1);
    assert.deepEqual(
      [...host.ports.led.values()].map((target) => target?.address4 && formatAddress(target.address4)),
      ports.map(() => "172.17.0.2"),
    );
    await assert.rejects(networks.unpublish(container, [{ protocol: "udp", port: 80 }]), {
      kind: "not-found",
    });
    const after = await networks.unpublish(container, [{ protocol: "tcp", port: 80 }]);
    assert.deepEqual(after.ports, []);
    assert.deepEqual(stateOf(host), before);
    assert.ok(host.kernel.forgotten.some(({ originalPort }) => originalPort === 8080));
  });

  test("of a routed network are open at the container's own address, and take no port of the host's", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    await networks.create({
      name: "r",
      options: { "com.docker.network.bridge.gateway_mode_ipv4": "routed" },
    });
    const exposed = () => [...host.kernel.elements].filter((element) => element.includes('"exposed4"'));
    const one = await networks.openSandbox(host.request("one", { ...on("r"), ports: [TCP80] }));
    await networks.openSandbox(host.request("two", { ...on("r"), ports: [TCP80] }));
    assert.deepEqual(one.ports.filter(({ hostAddress }) => hostAddress.family === 4).map(bindingText), [
      "0.0.0.0:0->80/tcp",
    ]);
    assert.equal(exposed().length, 2);
    assert.ok([...host.ports.held].every((held) => !held.startsWith("0.0.0.0:")));
    await networks.publish(one.container, [{ protocol: "tcp", port: 443 }]);
    assert.equal(exposed().length, 3);
    await networks.unpublish(one.container, [{ protocol: "tcp", port: 443 }]);
    assert.equal(exposed().length, 2);
  });

  test("two that lead to one port of the container: each closes for itself", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const { container } = await networks.openSandbox(host.request("web", { ports: [TCP80] }));
    const before = stateOf(host);
    const hostPorts = { first: 8443, last: 8443 };
    await networks.publish(container, [{ ...TCP80, hostPorts }]);
    assert.equal(published(host).length, 2);
    await networks.unpublish(container, [{ ...TCP80, hostPorts }]);
    assert.deepEqual(stateOf(host), before);
  });

  test("that can't be opened change nothing", async () => {
    using host = new FakeHost();
    const store = new FailingStore();
    const networks = await host.start(store);
    const { container } = await networks.openSandbox(host.request("web"));
    const before = stateOf(host);
    host.kernel.failAt = "add-elements";
    await assert.rejects(networks.publish(container, [TCP80]), { message: "add-elements failed" });
    host.kernel.failAt = undefined;
    store.failing = true;
    await assert.rejects(networks.publish(container, [TCP80]), { message: "disk full" });
    store.failing = false;
    assert.deepEqual(stateOf(host), before);
    assert.deepEqual(networks.sandboxOf(container)?.ports, []);
  });
});

describe("links", () => {
  test("follow the container that they lead to", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const db = host.request("db", { exposed: [{ protocol: "tcp", port: 5432 }] });
    await networks.openSandbox(db);
    const links = [{ container: db.container, alias: "store" }];
    const endpoints = [{ network: "bridge", links }];
    const web = host.request("web", { mode: { kind: "own", endpoints } });
    await networks.openSandbox(web);
    const line = () => /^(\S+)\tstore /m.exec(readFileSync(join(web.directory, "hosts"), "utf8"))?.[1];
    assert.equal(line(), "172.17.0.2");
    await networks.closeSandbox(db.container);
    assert.equal(line(), undefined);
    await networks.openSandbox(host.request("other"));
    await networks.openSandbox(db);
    assert.equal(line(), "172.17.0.4");
  });

  test("open what is exposed where containers may not reach each other", async () => {
    using host = new FakeHost();
    const networks = await host.start(new MemoryStore());
    const options = { "com.docker.network.bridge.enable_icc": "false" };
    await networks.create({ name: "apart", options });
    const db = host.request("db", { ...on("apart"), exposed: [{ protocol: "tcp", port: 5432 }] });
    await networks.openSandbox(db);
    const links = [{ container: db.container, alias: "store" }];
    const endpoints = [{ network: "apart", links }];
    const web = host.request("web", { mode: { kind: "own", endpoints } });
    await networks.openSandbox(web);
    const linked = () => [...host.kernel.elements].filter((element) => element.includes('"linked'));
    assert.equal(linked().length, 2);
    assert.equal(
      host.dns.sandboxes.get(networks.sandboxOf(web.container)?.id ?? assert.fail())?.links[0]?.alias,
      "store",
    );
    await networks.closeSandbox(db.container);
    assert.deepEqual(linked(), []);
  });
});
