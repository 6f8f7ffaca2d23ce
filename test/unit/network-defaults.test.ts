import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { defaultNetworks } from "../../src/network/defaults.ts";
import { type ForwardingFacts, forwarding } from "../../src/network/forwarding.ts";
import type { BridgeSettings, NetworkSettings } from "../../src/network/settings.ts";
import { decodeNetwork, encodeNetwork } from "../../src/network/state.ts";
import { settings } from "../support/networks.ts";

const withBridge = (
  bridge: Partial<BridgeSettings>,
  more: Partial<NetworkSettings> = {},
): NetworkSettings => ({
  ...settings,
  ...more,
  bridge: { ...settings.bridge, ...bridge },
});

function bridgeOf(from: NetworkSettings) {
  const bridge = defaultNetworks(from, []).find(({ name }) => name === "bridge");
  const pool = bridge?.ipam.pools[0];
  assert.ok(bridge && pool);
  return { bridge, pool };
}

describe("the default networks", () => {
  test("bridge, host and none, as `docker network ls` shows them", () => {
    const shown = defaultNetworks(settings, []).map(({ name, driver }) => [name, driver]);
    assert.deepEqual(shown, [
      ["bridge", "bridge"],
      ["host", "host"],
      ["none", "null"],
    ]);
  });

  test("bridge has the options and the subnet that inspect shows", () => {
    const { bridge, pool } = bridgeOf(settings);
    assert.deepEqual(bridge.options, {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      "com.docker.network.bridge.name": "docker0",
      "com.docker.network.driver.mtu": "1500",
    });
    assert.equal(formatPrefix(pool.subnet), "172.17.0.0/16");
    assert.equal(pool.gateway && formatAddress(pool.gateway), "172.17.0.1");
  });

  test("ids and births outlive a restart, options follow the flags", () => {
    const before = defaultNetworks(settings, []);
    const after = defaultNetworks(withBridge({ mtu: 1400 }), before);
    const lasting = (networks: typeof before) => networks.map(({ id, created }) => [id, created]);
    assert.deepEqual(lasting(after), lasting(before));
    assert.equal(after[0]?.options["com.docker.network.driver.mtu"], "1400");
  });

  test("the store gives a network back as it was", () => {
    const rich = withBridge({
      bip: parsePrefix("10.9.0.1/24"),
      fixedCidr: parsePrefix("10.9.0.64/26"),
      defaultGateway: parseAddress("10.9.0.254"),
    });
    for (const network of defaultNetworks(rich, [])) {
      assert.deepEqual(decodeNetwork(JSON.parse(JSON.stringify(encodeNetwork(network)))), network);
    }
  });

  test("--bridge none leaves host and none", () => {
    const names = defaultNetworks(withBridge({ name: undefined }), []).map(({ name }) => name);
    assert.deepEqual(names, ["host", "none"]);
  });

  test("--bip, --fixed-cidr and --default-gateway", () => {
    const { pool } = bridgeOf(
      withBridge({
        bip: parsePrefix("172.30.0.1/16"),
        fixedCidr: parsePrefix("172.30.5.0/24"),
        defaultGateway: parseAddress("172.30.0.254"),
      }),
    );
    assert.equal(formatPrefix(pool.subnet), "172.30.0.0/16");
    assert.equal(pool.range && formatPrefix(pool.range), "172.30.5.0/24");
    assert.deepEqual(
      Object.entries(pool.auxiliary).map(([name, address]) => [name, formatAddress(address)]),
      [["DefaultGatewayIPv4", "172.30.0.254"]],
    );
  });

  test("--default-address-pool replaces the built-in ones", () => {
    const pools = [{ base: parsePrefix("10.99.0.0/16"), size: 24 }];
    const { pool } = bridgeOf(withBridge({}, { defaultAddressPools: pools }));
    assert.equal(formatPrefix(pool.subnet), "10.99.0.0/24");
    assert.equal(pool.gateway && formatAddress(pool.gateway), "10.99.0.1");
  });

  describe("with --ipv6", () => {
    const ula = parsePrefix("fd12:3456:789a::/48");
    const sixOf = (bridge: Partial<BridgeSettings>) => {
      const [network] = defaultNetworks(withBridge({ ipv6: true, ...bridge }), [], ula);
      assert.ok(network?.ipv6);
      const pool = network.ipam.pools[1];
      assert.ok(pool?.gateway);
      return [formatPrefix(pool.subnet), formatAddress(pool.gateway), pool.range && formatPrefix(pool.range)];
    };

    test("its subnet is the first of the engine's own, unless one is named", () => {
      assert.deepEqual(sixOf({}), ["fd12:3456:789a::/64", "fd12:3456:789a::1", undefined]);
      const fixedCidr6 = parsePrefix("2001:db8:1::/80");
      assert.deepEqual(sixOf({ fixedCidr6 }), ["2001:db8:1::/80", "2001:db8:1::1", undefined]);
      const bip6 = parsePrefix("2001:db8:1::5/64");
      assert.deepEqual(sixOf({ bip6 }), ["2001:db8:1::/64", "2001:db8:1::5", undefined]);
      assert.deepEqual(sixOf({ bip6, fixedCidr6 }), ["2001:db8:1::/64", "2001:db8:1::5", "2001:db8:1::/80"]);
    });

    test("--default-gateway-v6 is another's address in it", () => {
      const [network] = defaultNetworks(
        withBridge({ ipv6: true, defaultGateway6: parseAddress("fd12:3456:789a::fe") }),
        [],
        ula,
      );
      const other = network?.ipam.pools[1]?.auxiliary.DefaultGatewayIPv6;
      assert.equal(other && formatAddress(other), "fd12:3456:789a::fe");
    });
  });

  test("flags that contradict one another are refused", () => {
    const wrong: Partial<BridgeSettings>[] = [
      { ipv6: true, bip6: parsePrefix("2001:db8::/64") },
      { ipv6: true, bip6: parsePrefix("2001:db8::1/127") },
      { ipv6: true, bip6: parsePrefix("10.0.0.1/24") },
      { ipv6: true, bip6: parsePrefix("2001:db8::1/64"), fixedCidr6: parsePrefix("2001:db9::/80") },
      { ipv6: true, fixedCidr6: parsePrefix("2001:db8::/64"), defaultGateway6: parseAddress("2001:db9::1") },
      { bip: parsePrefix("172.30.0.0/16") },
      { bip: parsePrefix("172.30.255.255/16") },
      { bip: parsePrefix("172.30.0.1/31") },
      { bip: parsePrefix("2001:db8::1/64") },
      { fixedCidr: parsePrefix("10.0.0.0/24") },
      { fixedCidr: parsePrefix("172.16.0.0/12") },
      { defaultGateway: parseAddress("10.0.0.1") },
      { name: "a/b" },
      { name: 'x" }; flush ruleset' },
      { name: "sixteen-letters-" },
    ];
    for (const bridge of wrong) {
      assert.throws(() => defaultNetworks(withBridge(bridge), []), { kind: "invalid" });
    }
  });
});

describe("forwarding", () => {
  const on = { ipForward: true, ipForwardNoDrop: false };
  const facts = (more: Partial<ForwardingFacts>): ForwardingFacts => ({
    family: 4,
    current: "0",
    record: undefined,
    boot: "now",
    uplinks: [],
    ...more,
  });
  const ours = { before: "0", boot: "now" };
  const recorded = (key: string) => new Map([[key, ours]]);

  test("off: turned on, remembered, and closed for other links", () => {
    assert.deepEqual(forwarding(facts({}), on), {
      closed: true,
      plan: [{ do: "set-sysctl", key: "net.ipv4.ip_forward", value: "1" }],
      records: recorded("net.ipv4.ip_forward"),
    });
  });

  test("of IPv6: links that listen to routers go on doing so", () => {
    assert.deepEqual(forwarding(facts({ family: 6, uplinks: ["eth0.10"] }), on), {
      closed: true,
      plan: [
        { do: "set-sysctl", key: "net.ipv6.conf.eth0/10.accept_ra", value: "2" },
        { do: "set-sysctl", key: "net.ipv6.conf.all.forwarding", value: "1" },
      ],
      records: new Map([
        ["net.ipv6.conf.eth0/10.accept_ra", { before: "1", boot: "now" }],
        ["net.ipv6.conf.all.forwarding", ours],
      ]),
    });
  });

  test("on by the administrator: left as it is, and open", () => {
    const expected = { closed: false, plan: [], records: new Map() };
    assert.deepEqual(forwarding(facts({ current: "1" }), on), expected);
    const lastBoot = { before: "0", boot: "before" };
    assert.deepEqual(forwarding(facts({ current: "1", record: lastBoot }), on), expected);
  });

  test("on by an earlier start of this boot: still closed", () => {
    assert.deepEqual(forwarding(facts({ current: "1", record: ours }), on), {
      closed: true,
      plan: [],
      records: recorded("net.ipv4.ip_forward"),
    });
  });

  test("--ip-forward-no-drop keeps it open, --ip-forward=false keeps it off", () => {
    assert.equal(forwarding(facts({}), { ...on, ipForwardNoDrop: true }).closed, false);
    assert.equal(
      forwarding(facts({ current: "1", record: ours }), { ...on, ipForwardNoDrop: true }).closed,
      false,
    );
    assert.deepEqual(forwarding(facts({}), { ...on, ipForward: false }).plan, []);
  });
});
