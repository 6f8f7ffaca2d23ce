import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Containers, CreateRequest, EndpointSettings } from "../../src/container/types.ts";
import { formatAddress } from "../../src/lib/ip.ts";
import type { Network } from "../../src/network/types.ts";
import { request, World } from "../support/container-fakes.ts";
import { failing } from "../support/failing.ts";

let world: World;
let containers: Containers;
let net: Network;

beforeEach(async () => {
  world = new World();
  containers = world.containers();
  net = world.networks.add("net");
  await containers.start();
});
afterEach(() => world.remove());

type Asked = Partial<CreateRequest>;
const made = async (hostConfig: CreateRequest["hostConfig"] = {}, more: Asked = {}): Promise<string> =>
  (await containers.create({ ...request(hostConfig), ...more })).id;
const running = async (...args: Parameters<typeof made>): Promise<string> => {
  const id = await made(...args);
  await containers.startContainer(id);
  return id;
};
const container = (id: string) => containers.inspect(id).container;
const endpoints = (id: string) => container(id).endpoints;
const joined = (id: string) =>
  containers.inspect(id).sandbox?.endpoints.map(({ networkName }) => networkName);
/** As the next engine finds it. */
const recorded = async (id: string) => {
  const second = world.containers();
  await second.alive();
  return second.inspect(id).container;
};
const asked = () => {
  const mode = world.requests.at(-1)?.mode;
  return mode?.kind === "own" ? mode.endpoints : [];
};
const BY_FORCE = { force: true };
const GENTLY = { force: false };

describe("a container's networks", () => {
  it("are those asked for, or the mode's alone", async () => {
    assert.deepEqual(endpoints(await made()), { bridge: {} });
    assert.deepEqual(endpoints(await made({ NetworkMode: "host" })), { host: {} });
    assert.deepEqual(endpoints(await made({ NetworkMode: "net" })), { net: {} });
    assert.deepEqual(endpoints(await made({ NetworkMode: "container:x" }, { endpoints: { x: {} } })), {});
    const offline = await made({}, { config: { Image: "busybox", NetworkDisabled: true } });
    assert.deepEqual(endpoints(offline), {});
    assert.deepEqual(endpoints(await made({}, { endpoints: { default: { GwPriority: 1 } } })), {
      bridge: { GwPriority: 1 },
    });
    const byPrefix = await made(
      { NetworkMode: net.id.slice(0, 12) },
      { endpoints: { [net.id.slice(0, 12)]: {} } },
    );
    assert.deepEqual(endpoints(byPrefix), { net: {} });
    assert.equal(container(byPrefix).hostConfig.NetworkMode, net.id);
  });

  it("are joined in order: the mode's first, the others by name, with all that is asked of each", async () => {
    for (const name of ["a", "z"]) world.networks.add(name);
    const settings: EndpointSettings = {
      IPAMConfig: { IPv4Address: "10.0.0.9", IPv6Address: "fd00::9" },
      Aliases: ["web"],
      MacAddress: "02:42:00:00:00:01",
      DriverOpts: { "com.docker.network.endpoint.ifname": "lan" },
      GwPriority: 7,
    };
    const id = await running({ NetworkMode: "net" }, { endpoints: { z: {}, net: {}, a: settings } });
    assert.deepEqual(joined(id), ["net", "a", "z"]);
    const { address, address6, ...rest } = asked()[1] ?? {};
    assert.deepEqual(
      [address && formatAddress(address), address6 && formatAddress(address6)],
      ["10.0.0.9", "fd00::9"],
    );
    assert.deepEqual(rest, {
      network: "a",
      aliases: ["web"],
      mac: "02:42:00:00:00:01",
      driverOptions: settings.DriverOpts,
      gatewayPriority: 7,
    });
  });

  it("are refused with addresses that are none", async () => {
    for (const [IPAMConfig, message] of [
      [{ IPv4Address: "x" }, "invalid endpoint settings:\ninvalid IPv4 address: x"],
      [{ IPv4Address: "::1" }, "invalid endpoint settings:\ninvalid IPv4 address: ::1"],
      [{ IPv6Address: "10.0.0.1" }, "invalid endpoint settings:\ninvalid IPv6 address: 10.0.0.1"],
      [{ IPv6Address: "::ffff:1.2.3.4" }, "invalid endpoint settings:\ninvalid IPv6 address: ::ffff:1.2.3.4"],
      [{ IPv6Address: "::" }, "invalid endpoint settings:\ninvalid IPv6 address: ::"],
    ] as const) {
      const endpoints = { net: { IPAMConfig } };
      await assert.rejects(made({ NetworkMode: "net" }, { endpoints }), { kind: "invalid", message });
    }
    const IPAMConfig = { LinkLocalIPs: ["nowhere"] };
    await assert.rejects(made({ NetworkMode: "net" }, { endpoints: { net: { IPAMConfig } } }), {
      kind: "invalid",
      message: "invalid endpoint settings:\ninvalid link-local IP address: nowhere",
    });
  });

  it("are known by id once joined: another network of that name is another", async () => {
    const late = await running({ NetworkMode: "net" });
    assert.equal(endpoints(late).net?.NetworkID, net.id);
    assert.equal((await recorded(late)).endpoints.net?.NetworkID, net.id);
    await containers.stopContainer(late, {});
    const early = await made({ NetworkMode: "net" });
    world.networks.forget(net);
    const again = world.networks.add("net");
    await assert.rejects(containers.startContainer(late), { message: `network ${net.id} not found` });
    await containers.startContainer(early);
    assert.equal(endpoints(early).net?.NetworkID, again.id);
  });

  it("need not exist before the start, where a name takes the place of an id", async () => {
    const id = await made({ NetworkMode: "later" });
    await assert.rejects(containers.startContainer(id), { message: "network later not found" });
    const later = world.networks.add("later");
    await containers.startContainer(id);
    assert.deepEqual(endpoints(id), { later: { NetworkID: later.id } });
  });

  it("come with a word of what is in their way, and of ports that are discarded", async () => {
    const PortBindings = { "80/tcp": [{ HostPort: "80" }] };
    world.networks.told.push("another table drops what we forward");
    assert.deepEqual((await containers.create(request())).warnings, world.networks.told);
    assert.deepEqual((await containers.create(request({ NetworkMode: "none" }))).warnings, []);
    const hosted = await containers.create(request({ NetworkMode: "host", PortBindings }));
    assert.deepEqual(hosted.warnings, ["Published ports are discarded when using host network mode"]);
    await containers.startContainer(hosted.id);
    assert.deepEqual(world.requests.at(-1)?.ports, []);
  });
});

describe("a shared network", () => {
  const conflicts: readonly [CreateRequest["hostConfig"], Partial<CreateRequest["config"]>, string][] = [
    [{}, { Hostname: "x" }, "conflicting options: hostname and the network mode"],
    [{ Dns: ["10.0.0.1"] }, {}, "conflicting options: dns and the network mode"],
    [
      { ExtraHosts: ["a:10.0.0.1"] },
      {},
      "conflicting options: custom host-to-IP mapping and the network mode",
    ],
    [
      { PortBindings: { "80/tcp": [{}] } },
      {},
      "conflicting options: port publishing and the container type network mode",
    ],
    [
      { PublishAllPorts: true },
      {},
      "conflicting options: port publishing and the container type network mode",
    ],
    [
      {},
      { ExposedPorts: { "80/tcp": {} } },
      "conflicting options: port exposing and the container type network mode",
    ],
    [{ NetworkMode: "container:" }, {}, "invalid network mode: invalid container format container:<name|id>"],
    [{ NetworkMode: "container" }, {}, "invalid network mode: invalid container format container:<name|id>"],
  ];
  for (const [hostConfig, config, message] of conflicts) {
    it(`is refused: ${message}`, async () => {
      const all = request({ NetworkMode: "container:x", ...hostConfig }, config);
      await assert.rejects(containers.create(all), { kind: "invalid", message });
    });
  }

  it("shows the owner's name and files, through others that share it", async () => {
    const owner = await running({}, { name: "owner" });
    const first = await running({ NetworkMode: "container:owner" }, { name: "first" });
    const second = await running({ NetworkMode: "container:first" });
    for (const id of [first, second]) {
      assert.equal(container(id).config.Hostname, owner.slice(0, 12));
      assert.equal(containers.inspect(id).paths.hosts, containers.inspect(owner).paths.hosts);
    }
    const { bundle } = world.last.request;
    assert.equal(JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")).hostname, owner.slice(0, 12));
    assert.equal((await recorded(second)).config.Hostname, owner.slice(0, 12));
  });

  it("needs an owner that runs, and is not its own", async () => {
    const owner = await made({}, { name: "owner" });
    const sharer = await made({ NetworkMode: "container:owner" });
    await assert.rejects(containers.startContainer(sharer), {
      kind: "conflict",
      message: `cannot join network of a non running container: ${owner}`,
    });
    const self = await made({ NetworkMode: "container:self" }, { name: "self" });
    await assert.rejects(containers.startContainer(self), { message: "cannot join own network namespace" });
  });
});

describe("connecting", () => {
  for (const state of ["created", "running", "paused", "stopped"]) {
    it(`takes hold of a ${state} container, and disconnecting lets go`, async () => {
      const id = await (state === "created" ? made() : running());
      if (state === "paused") await containers.pause(id);
      if (state === "stopped") await containers.stopContainer(id, {});
      const live = state === "running" || state === "paused";
      await containers.connect(id, net.id, { Aliases: ["web"] });
      const settings = { Aliases: ["web"], ...(live && { NetworkID: net.id }) };
      assert.deepEqual(endpoints(id).net, settings);
      assert.deepEqual((await recorded(id)).endpoints.net, settings);
      assert.deepEqual(joined(id), live ? ["bridge", "net"] : undefined);
      await containers.disconnect(id, "net", GENTLY);
      assert.deepEqual(Object.keys(endpoints(id)), ["bridge"]);
      assert.deepEqual(Object.keys((await recorded(id)).endpoints), ["bridge"]);
      assert.deepEqual(joined(id), live ? ["bridge"] : undefined);
    });
  }

  it("holds for the next start", async () => {
    const id = await running();
    await containers.connect(id, "net", { GwPriority: 5 });
    await containers.restart(id, {});
    assert.deepEqual(joined(id), ["bridge", "net"]);
    assert.equal(asked()[1]?.gatewayPriority, 5);
  });

  it("leaves a network's mode as it was, and its container without that network", async () => {
    const id = await running();
    await containers.disconnect(id, "bridge", GENTLY);
    assert.equal(container(id).hostConfig.NetworkMode, "bridge");
    await containers.restart(id, {});
    assert.deepEqual(joined(id), []);
    await containers.connect(id, "bridge", {});
    assert.deepEqual(joined(id), ["bridge"]);
  });

  it("refuses what can't be, and changes nothing", async () => {
    const id = await running({}, { name: "web" });
    await assert.rejects(containers.connect(id, "nowhere", {}), { kind: "not-found" });
    await assert.rejects(containers.connect("nobody", "net", {}), { kind: "not-found" });
    await assert.rejects(containers.connect(id, "bridge", {}), {
      kind: "forbidden",
      message: "endpoint with name web already exists in network bridge",
    });
    await assert.rejects(containers.connect(id, "net", { Links: ["a:b:c"] }), { kind: "invalid" });
    const nowhere = { LinkLocalIPs: ["::"] };
    await assert.rejects(containers.connect(id, "net", { IPAMConfig: nowhere }), { kind: "invalid" });
    await assert.rejects(containers.disconnect(id, "net", GENTLY), {
      kind: "not-found",
      message: `container ${id} is not connected to network net`,
    });
    assert.deepEqual(joined(id), ["bridge"]);
    assert.deepEqual(Object.keys(endpoints(id)), ["bridge"]);
    const hosted = await made({ NetworkMode: "host" });
    await assert.rejects(containers.disconnect(hosted, "host", GENTLY), {
      message: "container cannot be disconnected from host network or connected to host network",
    });
  });

  it("is undone where the network can't, or the record can't be made", async () => {
    const id = await running();
    const before = endpoints(id);
    world.failures.set("connect", new Error("no veth"));
    await assert.rejects(containers.connect(id, "net", {}), /no veth/);
    world.failures.clear();
    world.store.commit = failing(world.store.commit.bind(world.store));
    await assert.rejects(containers.connect(id, "net", {}), /disk full/);
    assert.deepEqual([endpoints(id), joined(id)], [before, ["bridge"]]);
    assert.deepEqual((await recorded(id)).endpoints, before);
    world.failures.set("disconnect", new Error("netlink"));
    await assert.rejects(containers.disconnect(id, "bridge", GENTLY), /netlink/);
    assert.deepEqual([endpoints(id), joined(id)], [before, ["bridge"]]);
    assert.deepEqual((await recorded(id)).endpoints, before);
  });

  it("stands where a disconnection fails after the network is left", async () => {
    const id = await running();
    const { disconnect } = world.networks;
    world.networks.disconnect = async (...args) => {
      await disconnect.apply(world.networks, args);
      throw new Error("a rule was left behind");
    };
    await assert.rejects(containers.disconnect(id, "bridge", GENTLY), /a rule was left behind/);
    assert.deepEqual(endpoints(id), {});
    assert.deepEqual((await recorded(id)).endpoints, {});
  });

  it("takes off the record what its sandbox has left already", async () => {
    const id = await running();
    const { sandbox } = containers.inspect(id);
    assert.ok(sandbox);
    world.networks.sandboxes.set(sandbox.container, { ...sandbox, endpoints: [] });
    await containers.disconnect(id, "bridge", GENTLY);
    assert.deepEqual(endpoints(id), {});
  });

  it("by force lets go of a network that is gone, and of a container without a record", async () => {
    const id = await made({ NetworkMode: "net" });
    world.networks.forget(net);
    await assert.rejects(containers.disconnect(id, "net", GENTLY), { message: "network net not found" });
    await containers.disconnect(id, "net", BY_FORCE);
    assert.deepEqual(endpoints(id), {});

    const lost = await running({}, { name: "lost" });
    const sandbox = world.networks.sandboxOf(container(lost).id);
    await containers.remove(lost, { force: true, volumes: false });
    assert.ok(sandbox);
    world.networks.sandboxes.set(sandbox.container, sandbox);
    await assert.rejects(containers.disconnect("lost", "bridge", GENTLY), { kind: "not-found" });
    await assert.rejects(containers.disconnect("other", "bridge", BY_FORCE), {
      message: "endpoint other not found",
    });
    await containers.disconnect("lost", "bridge", BY_FORCE);
    assert.deepEqual(world.networks.sandboxOf(sandbox.container)?.endpoints, []);
  });

  it("waits for a start and an end that are under way", async () => {
    const id = await made();
    await Promise.all([containers.startContainer(id), containers.connect(id, "net", {})]);
    assert.deepEqual(joined(id), ["bridge", "net"]);
    await Promise.all([containers.stopContainer(id, {}), containers.disconnect(id, "net", GENTLY)]);
    assert.deepEqual(Object.keys(endpoints(id)), ["bridge"]);
  });
});
