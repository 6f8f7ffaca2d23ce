import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix, type Mac, parseAddress } from "../../src/lib/ip.ts";
import { KernelError } from "../../src/linux/ffi.ts";
import { bridgeDriver } from "../../src/network/bridge/driver.ts";
import type { Network } from "../../src/network/types.ts";
import { DUAL, dual, endpoint, join, made } from "./network-design.ts";

describe("an endpoint's interface", () => {
  const network = dual();

  test("has the next free name, in its network's words or its own", () => {
    assert.equal(join(network, { taken: ["eth0", "eth2"] }).interfaceName, "eth1");
    const prefixed = dual({ options: { "com.docker.network.container_iface_prefix": "lan" } });
    assert.equal(join(prefixed, { taken: ["eth0"] }).interfaceName, "lan0");
    const driverOptions = { "com.docker.network.endpoint.ifname": "wan" };
    assert.equal(join(network, { driverOptions }).interfaceName, "wan");
    assert.throws(() => join(network, { driverOptions, taken: ["wan"] }), { kind: "conflict" });
  });

  test("has the way out of the network, where there is one", () => {
    const ways = (of: Network) => {
      const { gateway, gateway6 } = join(of);
      return [gateway, gateway6].map((address) => address && formatAddress(address));
    };
    assert.deepEqual(ways(network), ["10.1.0.1", "fd00:1::1"]);
    assert.deepEqual(ways(dual({ internal: true })), [undefined, undefined]);
    const [four] = DUAL.ipam.config;
    const other = made({ ipam: { config: [{ ...four, auxiliary: { DefaultGatewayIPv4: "10.1.0.9" } }] } });
    assert.deepEqual(ways(other), ["10.1.0.9", undefined]);
  });

  test("has the addresses that are asked for, if they are free and within", () => {
    const { address, address6, mac } = join(network, {
      address: parseAddress("10.1.0.77"),
      address6: parseAddress("fd00:1::77"),
    });
    assert.deepEqual(
      [address, address6].map((each) => each && formatPrefix(each)),
      ["10.1.0.77/24", "fd00:1::77/64"],
    );
    assert.equal(mac, "02:42:0a:01:00:4d");
    const others = [endpoint(network)];
    for (const used of ["10.1.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.255"]) {
      assert.throws(() => join(network, { address: parseAddress(used) }, others), {
        kind: "forbidden",
        message: "Address already in use",
      });
    }
    for (const outside of [{ address: parseAddress("10.2.0.2") }, { address6: parseAddress("fd00:2::2") }]) {
      assert.throws(() => join(network, outside), {
        kind: "invalid",
        message:
          /^invalid config for network n: invalid endpoint settings: no configured subnet contains IP address/,
      });
    }
    assert.throws(() => join(made({}), { address6: parseAddress("fd00:1::2") }), { kind: "invalid" });
  });

  test("has a MAC address made of its address; another one where that is taken", () => {
    const only6 = (subnet: string) =>
      join(made({ ipv4: false, ipv6: true, ipam: { config: [{ subnet }] } })).mac ?? "";
    assert.match(only6("fd00:1::/64"), /^02:42(:[0-9a-f]{2}){4}$/);
    assert.equal(only6("fd00:1::/64"), only6("fd00:1::/64"));
    assert.notEqual(only6("fd00:1::/64"), only6("fd00:2::/64"), "two networks on one wire");
    const others = [
      { ...endpoint(network, { address: parseAddress("10.1.0.9") }), mac: "02:42:0a:01:00:02" as Mac },
    ];
    const { address, mac } = join(network, {}, others);
    assert.equal(address && formatPrefix(address), "10.1.0.2/24");
    assert.match(mac ?? "", /^02:42:(?!0a:01:00:02)/);
    assert.equal(join(network, { mac: "02:00:00:00:00:01" as Mac }).mac, "02:00:00:00:00:01");
  });

  test("is refused with options that nobody knows, and settings that aren't its own", () => {
    const option = (name: string, value: string) => ({
      driverOptions: { [`com.docker.network.endpoint.${name}`]: value },
    });
    const wrong = [
      option("sysctl", "x"),
      option("ifname", "sixteen-letters-"),
      ...["net.ipv4.ip_forward=1", "net.ipv4.conf.eth0.forwarding=1", "kernel.ipv4.conf.IFNAME.x=1"].map(
        (each) => option("sysctls", each),
      ),
      option("sysctls", "net.ipv4.conf.IFNAME.forwarding"),
      option("sysctls", "net.ipv4.conf.IFNAME.../../x=1"),
      { driverOptions: { "drawbridge.any": "1" } },
    ];
    for (const wish of wrong) {
      assert.throws(() => join(network, wish), { kind: "invalid" }, JSON.stringify(wish));
    }
    assert.doesNotThrow(() => join(network, { driverOptions: { foreign: "kept" } }));
  });

  test("is the last that its bridge has a port for, with the fix told before and after the kernel's word", () => {
    const [one] = [endpoint(network)];
    const others = Array.from({ length: 1023 }, () => one);
    const full = /its bridge br-[0-9a-f]{12} has 1023 ports.*docker network create/;
    assert.throws(() => join(network, {}, others), { kind: "conflict", message: full });
    const explained = bridgeDriver.explain(network, new KernelError("create veth v (peer eth0)", 54));
    assert.match(String(explained), full);
    assert.match(String(explained), /create veth v/);
    const other = new KernelError("create veth v (peer eth0)", 17);
    assert.equal(bridgeDriver.explain(network, other), other);
  });
});
