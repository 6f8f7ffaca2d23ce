import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatPrefix, type Mac, macOf, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Link, Route } from "../../src/linux/kernel.ts";
import { bridgeDriver } from "../../src/network/bridge/driver.ts";
import { bridgeMac } from "../../src/network/bridge/link.ts";
import { OPTION } from "../../src/network/bridge/options.ts";
import { defaultNetworks } from "../../src/network/defaults.ts";
import type { HostState } from "../../src/network/host-state.ts";
import type { Network } from "../../src/network/types.ts";
import { settings } from "../support/networks.ts";

const [network] = defaultNetworks(settings, []);
assert.ok(network);

const link = (name: string, ifindex: number, more: Partial<Link> = {}): Link => ({
  ifindex,
  name,
  kind: "bridge",
  mtu: 1500,
  up: true,
  loopback: false,
  ...more,
});
const ours = (more: Partial<Link> = {}) => link("docker0", 3, { mac: bridgeMac(network), ...more });
const route = (to: string, ifindex: number, type = 1): Route => ({
  to: parsePrefix(to),
  ifindex,
  table: 254,
  type,
});
const facts = (more: Partial<HostState> = {}): HostState => ({
  links: [],
  addresses: [],
  routes: [],
  ...more,
});
const address = (prefix: string, ifindex: number) => ({ ifindex, address: parsePrefix(prefix), scope: 0 });
const refusal = (of: HostState) => () => bridgeDriver.refuse(network, of);

describe("what stands against the default bridge", () => {
  test("nothing, on an empty host", () => assert.doesNotThrow(refusal(facts())));

  test("another's link of that name, whatever its kind", () => {
    const other = { kind: "conflict", message: /bridge docker0 is there already/ };
    assert.throws(
      refusal(facts({ links: [link("docker0", 3, { mac: "02:42:00:00:00:01" as Mac })] })),
      other,
    );
    const dummy = link("docker0", 3, { kind: "dummy", mac: bridgeMac(network) });
    assert.throws(refusal(facts({ links: [dummy] })), { message: /dummy docker0 is there already/ });
  });

  test("not our own, with its address and route, as a crash leaves them", () => {
    assert.doesNotThrow(
      refusal(
        facts({
          links: [ours()],
          addresses: [address("172.17.0.1/16", 3)],
          routes: [route("172.17.0.0/16", 3)],
        }),
      ),
    );
  });

  test("a route that overlaps, wider or narrower; its link is named", () => {
    for (const to of ["172.17.0.0/16", "172.16.0.0/12", "172.17.4.0/24"]) {
      assert.throws(refusal(facts({ links: [link("br-0", 9)], routes: [route(to, 9)] })), {
        kind: "conflict",
        message: /172\.17\.0\.0\/16 overlaps with route .* of link br-0.*start with --bridge db0 --bip /,
      });
    }
  });

  test("an address that overlaps", () => {
    assert.throws(refusal(facts({ links: [link("eth0", 2)], addresses: [address("172.17.9.9/24", 2)] })), {
      message: /overlaps with address 172\.17\.9\.9\/24 of link eth0/,
    });
  });

  test("not a default route, be it in two halves, nor one that leads nowhere", () => {
    const routes = [
      { to: "default", ifindex: 2, table: 254, type: 1 } as const,
      route("0.0.0.0/1", 2),
      route("128.0.0.0/1", 2),
      route("172.16.0.0/12", 2, 7),
    ];
    assert.doesNotThrow(refusal(facts({ routes })));
  });

  test("the advice is a name and a subnet that are free", () => {
    const links = [link("docker0", 3), link("db0", 4)];
    const routes = [route("172.30.0.0/16", 4), route("172.31.0.0/16", 4), route("172.17.0.0/16", 3)];
    assert.throws(refusal(facts({ links, routes })), {
      message: /start with --bridge db1 --bip 172\.18\.0\.1\/16$/,
    });
  });
});

describe("the bridge's link", () => {
  const kinds = (of: HostState) => bridgeDriver.ensure(network, of).map((step) => step.do);

  test("is made, with its address and its broadcast, and comes up", () => {
    assert.deepEqual(bridgeDriver.ensure(network, facts()), [
      { do: "add-bridge", name: "docker0", mac: bridgeMac(network), mtu: 1500 },
      { do: "set-sysctl", key: "net.ipv6.conf.docker0.disable_ipv6", value: "1" },
      { do: "set-sysctl", key: "net.ipv4.conf.docker0.route_localnet", value: "1" },
      {
        do: "add-address",
        link: "docker0",
        address: parsePrefix("172.17.0.1/16"),
        broadcast: parseAddress("172.17.255.255"),
      },
      { do: "set-link", name: "docker0", up: true, alias: "bridge of drawbridge" },
    ]);
  });

  test("is left alone where it is as it shall be", () => {
    assert.deepEqual(kinds(facts({ links: [ours()], addresses: [address("172.17.0.1/16", 3)] })), []);
  });

  test("is set right where it differs, and keeps what an administrator added", () => {
    const added = address("10.9.9.1/24", 3);
    assert.deepEqual(kinds(facts({ links: [ours()], addresses: [added] })), ["add-address"]);
    const addresses = [address("172.17.0.1/16", 3), added];
    const down = kinds(facts({ links: [ours({ up: false })], addresses }));
    assert.deepEqual(down, ["set-sysctl", "set-sysctl", "set-link"]);
    assert.deepEqual(kinds(facts({ links: [ours({ mtu: 9000 })], addresses })), ["set-link"]);
  });

  test("goes under whatever name it was left", () => {
    const left = facts({ links: [ours(), ours({ name: "db0", ifindex: 4 }), link("br-1", 5)] });
    assert.deepEqual(bridgeDriver.remove(network, left, []), [
      { do: "delete-link", name: "docker0" },
      { do: "delete-link", name: "db0" },
    ]);
  });

  test("its MAC is locally administered, of one station, and the network's own", () => {
    const first = Number.parseInt(bridgeMac(network).slice(0, 2), 16);
    assert.equal(first & 3, 2);
    const [other] = defaultNetworks(settings, []);
    assert.ok(other);
    assert.notEqual(bridgeMac(other), bridgeMac(network));
  });
});

describe("firewall elements", () => {
  const withOptions = (options: Record<string, string>): Network => ({
    ...network,
    options: { ...network.options, ...options },
  });
  const setsOf = (of: Network) => Object.keys(bridgeDriver.elements(of)).sort();

  test("icc and masquerade are elements like any other", () => {
    assert.deepEqual(setsOf(network), ["bridges", "icc", "local4", "masquerade4"]);
    assert.deepEqual(setsOf(withOptions({ [OPTION.icc]: "false" })), ["bridges", "local4", "masquerade4"]);
    assert.deepEqual(setsOf(withOptions({ [OPTION.masquerade]: "false" })), ["bridges", "icc", "local4"]);
  });

  test("an endpoint is bound to its port, MAC and address; apart from others without icc", () => {
    const plug = bridgeDriver.connect(network, [], { taken: [] });
    assert.equal(plug.address && formatPrefix(plug.address), "172.17.0.2/16");
    const endpoint = { ...endpointBase, ...plug };
    const port = { ifname: plug.hostInterface };
    const mac = { mac: macOf(parseAddress("172.17.0.2")) };
    const bound = {
      ports: [[port]],
      senders: [[port, mac]],
      owners4: [[port, mac, { address: parseAddress("172.17.0.2") }]],
    };
    assert.deepEqual(bridgeDriver.endpointElements(network, endpoint), bound);
    const apart = withOptions({ [OPTION.icc]: "false" });
    assert.deepEqual(bridgeDriver.endpointElements(apart, endpoint), { ...bound, separated: [[port]] });
  });
});

const endpointBase = {
  id: "e",
  network: network.id,
  networkName: "bridge",
  container: "c",
  containerName: "test1",
  aliases: [],
  dnsNames: [],
} as unknown as Parameters<typeof bridgeDriver.endpointElements>[1];
