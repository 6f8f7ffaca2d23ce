import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorKind } from "../../src/lib/errors.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { HostState } from "../../src/network/host-state.ts";
import { decodeNetwork, encodeNetwork } from "../../src/network/state.ts";
import type { NetworkRequest } from "../../src/network/types.ts";
import { settings } from "../support/networks.ts";
import { beside, context, design, eth0, link, made, poolsOf, route, withPools } from "./network-design.ts";

describe("a new network", () => {
  test("is a bridge with the next of Docker's subnets", () => {
    const network = made({ labels: { a: "b" }, attachable: true });
    assert.match(network.id, /^[0-9a-f]{64}$/);
    const { driver, internal, attachable, ipv4, ipv6, labels, options } = network;
    assert.deepEqual(
      { driver, internal, attachable, ipv4, ipv6, labels, options },
      {
        driver: "bridge",
        internal: false,
        attachable: true,
        ipv4: true,
        ipv6: false,
        labels: { a: "b" },
        options: {},
      },
    );
    assert.deepEqual(poolsOf(network), ["172.18.0.0/16 via 172.18.0.1"]);
  });

  test("is stored and read back as it was", () => {
    const network = made({ ipv6: true, internal: true, options: { foreign: "kept" } });
    assert.deepEqual(decodeNetwork(JSON.parse(JSON.stringify(encodeNetwork(network)))), network);
  });

  test("passes over what networks, routes and addresses hold", () => {
    const facts = { ...eth0, routes: [route("172.19.0.0/24", 2), route("172.20.0.0/14", 2)] };
    const first = made({}, { facts });
    const second = made({ name: "b" }, { facts, ...beside(first) });
    assert.deepEqual(poolsOf(second), ["172.24.0.0/16 via 172.24.0.1"]);
  });

  test("goes on after Docker's 31, past the host's own", () => {
    let networks = context().networks;
    for (let i = 0; i < 40; i += 1) networks = [...networks, made({ name: `n${i}` }, { networks })];
    const last = networks.slice(-11).flatMap(poolsOf);
    // 172.18 to .31 and fifteen of 192.168: the sixteenth has the host's own address.
    assert.equal(last[0], "10.0.0.0/24 via 10.0.0.1");
    assert.equal(last[10], "10.0.10.0/24 via 10.0.10.1");
    assert.ok(!networks.flatMap(poolsOf).includes("192.168.0.0/20 via 192.168.0.1"));
  });

  test("gets a subnet that was given back only after all others, the oldest first", () => {
    const pools = { ...settings, defaultAddressPools: [{ base: parsePrefix("10.5.0.0/22"), size: 24 }] };
    const spent = ["10.5.2.0/24", "10.5.1.0/24", "10.5.0.0/24"].map(parsePrefix);
    const first = made({ name: "a" }, { settings: pools, spent });
    assert.deepEqual(poolsOf(first), ["10.5.3.0/24 via 10.5.3.1"]);
    const second = made({ name: "b" }, { settings: pools, spent, ...beside(first) });
    assert.deepEqual(poolsOf(second), ["10.5.2.0/24 via 10.5.2.1"]);
  });

  test("says when there is none left", () => {
    const pools = { ...settings, defaultAddressPools: [{ base: parsePrefix("10.5.0.0/24"), size: 24 }] };
    const first = made({ name: "a" }, { settings: pools });
    assert.throws(() => made({}, { settings: pools, ...beside(first) }), {
      kind: "invalid",
      message: "all predefined address pools have been fully subnetted",
    });
  });

  test("with --ipv6 has a /64 of the engine's own; the first one is the default network's", () => {
    const first = made({ name: "a", ipv6: true });
    const second = made({ name: "b", ipv6: true, ipv4: false }, beside(first));
    assert.deepEqual(poolsOf(first).slice(1), ["fd12:3456:789a:1::/64 via fd12:3456:789a:1::1"]);
    assert.deepEqual(poolsOf(second), ["fd12:3456:789a:2::/64 via fd12:3456:789a:2::1"]);
  });

  test("has the gateway, range and addresses that are asked for; several subnets, IPv4 first", () => {
    const network = made({
      ipv6: true,
      ...withPools(
        { subnet: "2001:db8:5::/64" },
        { subnet: "10.1.0.0/16", range: "10.1.5.0/24", gateway: "10.1.9.9", auxiliary: { r: "10.1.5.0" } },
        { subnet: "10.2.0.0/16", range: "10.2.5.0/24", auxiliary: { r: "10.2.5.0" } },
        { subnet: "10.3.0.0/31" },
      ),
    });
    assert.deepEqual(poolsOf(network), [
      "10.1.0.0/16 via 10.1.9.9",
      "10.2.0.0/16 via 10.2.5.1",
      "10.3.0.0/31 via 10.3.0.0",
      "2001:db8:5::/64 via 2001:db8:5::1",
    ]);
  });

  test("without IPv6 leaves a subnet of it out, and says so", () => {
    const { network, warning } = design(withPools({ subnet: "10.1.0.0/16" }, { subnet: "fd00:1::/64" }));
    assert.deepEqual(poolsOf(network), ["10.1.0.0/16 via 10.1.0.1"]);
    assert.equal(warning, "subnet fd00:1::/64 is left out: the network has no IPv6 (pass --ipv6)");
    assert.equal(design({}).warning, "");
  });

  test("that nothing leaves may have no gateway", () => {
    const isolated = { "com.docker.network.bridge.gateway_mode_ipv4": "isolated" };
    const network = made({ internal: true, options: isolated, ...withPools({ subnet: "10.1.0.0/24" }) });
    assert.deepEqual(poolsOf(network), ["10.1.0.0/24"]);
  });

  test("has the defaults of its driver's networks, where it says nothing else", () => {
    const mtu = "com.docker.network.driver.mtu";
    const defaultNetworkOptions = {
      bridge: { [mtu]: "1400", "com.docker.network.enable_ipv6": "true" },
    };
    const of = { settings: { ...settings, defaultNetworkOptions } };
    assert.equal(made({}, of).options[mtu], "1400");
    assert.equal(made({}, of).ipv6, true);
    assert.equal(made({ options: { [mtu]: "1300" } }, of).options[mtu], "1300");
    const four = made({ ipv6: false }, of);
    assert.deepEqual([four.ipv6, Object.keys(four.options)], [false, [mtu]]);
  });

  test("on a bridge that its user made may have that bridge's own subnet", () => {
    const facts: HostState = {
      links: [{ ...link("br0", 5), kind: "bridge" }],
      addresses: [{ ifindex: 5, address: parsePrefix("10.1.0.1/24"), scope: 0 }],
      routes: [route("10.1.0.0/24", 5)],
    };
    const options = { "com.docker.network.bridge.name": "br0" };
    const network = made({ options, ...withPools({ subnet: "10.1.0.0/24" }) }, { facts });
    assert.deepEqual(poolsOf(network), ["10.1.0.0/24 via 10.1.0.1"]);
  });

  test("of macvlan may have the subnet of the wire that it is on", () => {
    const options = { parent: "eth0" };
    const network = made({
      driver: "macvlan",
      options,
      ...withPools({ subnet: "192.168.7.0/24", gateway: "192.168.7.1" }),
    });
    assert.deepEqual(poolsOf(network), ["192.168.7.0/24 via 192.168.7.1"]);
    const silent = made({ driver: "macvlan", options, ...withPools({ subnet: "192.168.7.0/24" }) });
    assert.deepEqual(poolsOf(silent), ["192.168.7.0/24"]);
    const unnumbered = made({ driver: "macvlan", options, ipv4: false, ipam: { driver: "null" } });
    assert.deepEqual(poolsOf(unnumbered), []);
  });
});

describe("a config-only network", () => {
  const config = made({
    name: "config",
    configOnly: true,
    ipv6: true,
    options: { "com.docker.network.driver.mtu": "1400" },
    labels: { a: "b" },
    ...withPools({ subnet: "10.7.0.0/24", gateway: "10.7.0.9" }),
  });

  test("is nothing but what others are made of", () => {
    assert.equal(config.driver, "null");
    const network = made({ configFrom: "config", internal: true }, beside(config));
    assert.deepEqual(poolsOf(network), [
      "10.7.0.0/24 via 10.7.0.9",
      "fd12:3456:789a:1::/64 via fd12:3456:789a:1::1",
    ]);
    const { configFrom, configOnly, internal, ipv6, options, labels } = network;
    assert.deepEqual(
      { configFrom, configOnly, internal, ipv6, options, labels },
      {
        configFrom: "config",
        configOnly: undefined,
        internal: true,
        ipv6: true,
        options: config.options,
        labels: { a: "b" },
      },
    );
  });

  test("holds no subnet", () => {
    assert.deepEqual(poolsOf(made(withPools({ subnet: "10.7.0.0/24" }), beside(config))), [
      "10.7.0.0/24 via 10.7.0.1",
    ]);
  });

  const refusals: readonly (readonly [Partial<NetworkRequest>, ErrorKind, RegExp])[] = [
    [
      { configOnly: true, internal: true },
      "forbidden",
      /^configuration network can only contain network specific/,
    ],
    [
      { configOnly: true, scope: "local" },
      "forbidden",
      /^configuration network can only contain network specific/,
    ],
    [
      { configOnly: true, configFrom: "config" },
      "forbidden",
      /cannot depend on another configuration network/,
    ],
    [{ configFrom: "other" }, "not-found", /^configuration network "other" does not exist$/],
    [{ configFrom: "bridge" }, "not-found", /^configuration network "bridge" does not exist$/],
    [
      { configFrom: "config", ipv6: true },
      "forbidden",
      /^user-specified configurations are not supported if/,
    ],
    [{ configFrom: "config", labels: { x: "" } }, "forbidden", /^user-specified configurations are not/],
    [
      { configFrom: "config", options: { x: "" } },
      "forbidden",
      /^network driver options are not supported if/,
    ],
    [{ configFrom: "config", ...withPools({ subnet: "10.9.0.0/24" }) }, "forbidden", /^user-specified conf/],
  ];
  for (const [request, kind, message] of refusals) {
    test(`${JSON.stringify(request)} is refused`, () => {
      assert.throws(() => made(request, beside(config)), { kind, message });
    });
  }
});

test("a thousand networks take no longer to find room beside than to sort", () => {
  const addresses = Array.from({ length: 1000 }, (_, i) => ({
    ifindex: 2,
    address: { address: parseAddress(`10.${i >> 8}.${i & 255}.1`), length: 24 },
    scope: 0,
  }));
  const routes = ["172.16.0.0/12", "192.168.0.0/16"].map((to) => route(to, 2));
  const network = made({}, { facts: { ...eth0, addresses, routes } });
  assert.deepEqual(poolsOf(network), ["10.3.232.0/24 via 10.3.232.1"]);
});
