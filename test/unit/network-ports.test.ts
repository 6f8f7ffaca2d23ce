/** Published ports of sandboxes, and what links open between them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { bindingText, FailingStore, FakeHost, on, stateOf, TCP80, withNetworks } from "./network-fakes.ts";

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
