/** The networks of an engine that comes back, and of a host that changes under it. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseMac } from "../../src/lib/ip.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { settings } from "../support/networks.ts";
import { addressesOf, FakeHost } from "./network-fakes.ts";

describe("an engine that comes back", () => {
  test("finds living sandboxes as they were, with the same ids and addresses", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const a = await networks.openSandbox(host.request("a"));
    const b = await networks.openSandbox(host.request("b"));
    const again = await host.start(store, { alive: [a.container, b.container] });
    assert.deepEqual(again.list(), networks.list());
    assert.deepEqual(again.sandboxOf(a.container), a);
    assert.deepEqual(addressesOf(await again.openSandbox(host.request("c"))), ["172.17.0.4/16"]);
  });

  test("frees what is left of the dead", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const a = await networks.openSandbox(host.request("a"));
    const b = await networks.openSandbox(host.request("b"));
    const again = await host.start(store, { alive: [b.container] });
    const veths = host.kernel.hostLinks.filter(({ kind }) => kind === "veth").map(({ name }) => name);
    assert.deepEqual(veths, [b.endpoints[0]?.hostInterface]);
    assert.deepEqual([...host.kernel.namespaces], [b.key]);
    assert.equal(again.sandboxOf(a.container), undefined);
    assert.deepEqual(addressesOf(await again.openSandbox(host.request("c"))), ["172.17.0.2/16"]);
  });

  test("puts the living back into the rules, and leaves the dead out", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const a = await networks.openSandbox(host.request("a"));
    const b = await networks.openSandbox(host.request("b"));
    await host.start(store, { alive: [b.container] });
    const rules = host.kernel.rulesLoaded.at(-1) ?? "";
    assert.ok(rules.includes(`"${b.endpoints[0]?.hostInterface}" . 02:42:ac:11:00:03 . 172.17.0.3`));
    assert.ok(!rules.includes(a.endpoints[0]?.hostInterface ?? "?"));
    assert.match(rules, /set unrouted \{[^}]*elements = \{ ipv4 \}/);
  });

  test("keeps the bridge's MAC after a reboot took the link", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    await host.start(store);
    const before = host.kernel.hostLinks.map(({ mac }) => mac);
    host.kernel.hostLinks = [];
    await host.start(store);
    assert.deepEqual(
      host.kernel.hostLinks.map(({ mac }) => mac),
      before,
    );
    assert.match(before[0] ?? "", /^02:42:/);
  });

  test("with another --bridge replaces the link; not while containers are on it", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const { container } = await networks.openSandbox(host.request("a"));
    const renamed = { ...settings, bridge: { ...settings.bridge, name: "db0" } };
    await assert.rejects(host.start(store, { settings: renamed, alive: [container] }), {
      kind: "conflict",
      message: /can't change its link or subnet while containers are on it: a$/,
    });
    await host.start(store, { settings: renamed });
    assert.deepEqual(
      host.kernel.hostLinks.map(({ name }) => name),
      ["db0"],
    );
  });

  test("refuses another engine's bridge of that name, and touches nothing", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const mac = parseMac("02:42:11:22:33:44");
    const foreign = {
      ifindex: 7,
      name: "docker0",
      kind: "bridge",
      mac,
      mtu: 1500,
      up: true,
      loopback: false,
    };
    host.kernel.hostLinks = [foreign];
    await assert.rejects(host.start(store), {
      kind: "conflict",
      message: /docker0 is there already.*start with --bridge db0 --bip 172\.30\.0\.1\/16$/,
    });
    assert.deepEqual(host.kernel.hostLinks, [foreign]);
    assert.deepEqual([host.kernel.applied, host.kernel.rulesLoaded], [[], []]);
    assert.deepEqual(await store.list(""), []);
    assert.equal(host.kernel.sysctls["net.ipv4.ip_forward"], "0");
  });

  test("gives a living container whose link is gone another one", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const { container } = await networks.openSandbox(host.request("a"));
    const links = host.kernel.hostLinks;
    host.kernel.hostLinks = links.filter(({ kind }) => kind !== "veth");
    const again = await host.start(store, { alive: [container] });
    assert.match(
      host.warnings.join("\n"),
      /^a had lost its link veth[0-9a-f]{7} to network bridge: joined again$/,
    );
    assert.deepEqual(
      host.kernel.hostLinks.map(({ name }) => name),
      links.map(({ name }) => name),
    );
    assert.ok(again.sandboxOf(container)?.endpoints[0]?.ifindex);
  });
});

describe("the host's resolv.conf changes", () => {
  const until = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; i < 400 && !holds(); i += 1) await sleep(10);
    assert.ok(holds());
  };

  test("sandboxes follow, in the very same file; one that was edited inside is left alone", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const [a, edited] = [host.request("a"), host.request("edited")];
    for (const request of [a, edited]) await networks.openSandbox(request);
    const file = join(a.directory, "resolv.conf");
    const { ino } = statSync(file);
    writeFileSync(join(edited.directory, "resolv.conf"), "nameserver 9.9.9.9\n");
    host.resolvers("nameserver 10.0.0.54\n");
    const says = (directory: string, address: string) => () =>
      readFileSync(join(directory, "resolv.conf"), "utf8") === `nameserver ${address}\n`;
    await until(says(a.directory, "10.0.0.54"));
    assert.equal(statSync(file).ino, ino);
    assert.ok(says(edited.directory, "9.9.9.9")());
    await networks.stop();
  });

  test("a change while the engine was away is caught up with at its start", async () => {
    using host = new FakeHost();
    const store = new MemoryStore();
    const networks = await host.start(store);
    const a = host.request("a");
    await networks.openSandbox(a);
    await networks.stop();
    host.resolvers("nameserver 10.0.0.55\n");
    await host.start(store, { alive: [a.container] });
    assert.equal(readFileSync(join(a.directory, "resolv.conf"), "utf8"), "nameserver 10.0.0.55\n");
  });

  test("behind systemd-resolved's stub, its real upstreams are used", async () => {
    using host = new FakeHost();
    host.resolvers("nameserver 127.0.0.53\n");
    writeFileSync(host.hostPaths.resolvedUpstreams, "nameserver 10.0.0.99\n");
    const networks = await host.start(new MemoryStore());
    const a = host.request("a");
    await networks.openSandbox(a);
    assert.equal(readFileSync(join(a.directory, "resolv.conf"), "utf8"), "nameserver 10.0.0.99\n");
    assert.deepEqual(host.warnings, []);
  });
});
