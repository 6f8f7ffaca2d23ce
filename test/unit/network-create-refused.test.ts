import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorKind } from "../../src/lib/errors.ts";
import type { NetworkRequest } from "../../src/network/types.ts";
import { beside, made, withPools } from "./network-design.ts";

describe("of a new network is refused", () => {
  const mode = (value: string) => ({ options: { "com.docker.network.bridge.gateway_mode_ipv4": value } });
  const option = (key: string, value: string) => ({ options: { [key]: value } });
  const table: readonly (readonly [string, Partial<NetworkRequest>, ErrorKind, RegExp])[] = [
    ["no name", { name: " " }, "invalid", /^invalid name: name is empty$/],
    ["a name of two lines", { name: "a\nb" }, "invalid", /control characters/],
    ...["bridge", "host", "none", "default", "container", "container:x"].map(
      (name) =>
        [name, { name }, "forbidden", /^operation is not permitted on predefined .* network$/] as const,
    ),
    ["a name twice", { name: "taken" }, "conflict", /^network with name taken already exists$/],
    [
      "a slip in a driver's name",
      { driver: "brige" },
      "not-found",
      /^plugin "brige" not found \(did you mean bridge\?\): the network drivers are bridge, host, null, macvlan$/,
    ],
    [
      "a driver of Docker's alone",
      { driver: "overlay" },
      "not-built-in",
      /^network driver overlay is not built in: the network drivers are/,
    ],
    [
      "a second host network",
      { driver: "host" },
      "forbidden",
      /^only one instance of "host" network is allowed$/,
    ],
    [
      "a second null network",
      { driver: "null" },
      "forbidden",
      /^only one instance of "null" network is allowed$/,
    ],
    [
      "swarm",
      { scope: "swarm" },
      "forbidden",
      /^cannot create a swarm scoped network when swarm is not active$/,
    ],
    ["another scope", { scope: "global" }, "forbidden", /scope is local here/],
    ["ingress", { ingress: true }, "forbidden", /^Ingress network can only be global scope network$/],
    ["no family", { ipv4: false }, "invalid", /^IPv4 or IPv6 must be enabled$/],
    ["an IPAM driver that isn't", { ipam: { driver: "dhcp" } }, "not-found", /^plugin "dhcp" not found/],
    ["a bridge without addresses", { ipam: { driver: "null" } }, "invalid", /^ipv4 pool is empty$/],
    [
      "a subnet for no one",
      { ipam: { driver: "null", config: [{ subnet: "10.0.0.0/24" }] } },
      "invalid",
      /^null ipam driver does not handle/,
    ],
    [
      "no subnet",
      withPools({ subnet: "10.0.0.0" }),
      "invalid",
      /^invalid network config:\ninvalid subnet 10\.0\.0\.0: invalid CIDR block notation$/,
    ],
    [
      "host bits",
      withPools({ subnet: "10.0.0.5/24" }),
      "invalid",
      /invalid subnet 10\.0\.0\.5\/24: it should be 10\.0\.0\.0\/24$/,
    ],
    ["one address", withPools({ subnet: "10.0.0.0/32" }), "invalid", /it is too small/],
    [
      "no room beside the gateway",
      { ipv6: true, ...withPools({ subnet: "2001:db8::/127" }) },
      "invalid",
      /too small: beside the gateway/,
    ],
    [
      "loopback",
      withPools({ subnet: "127.1.0.0/16" }),
      "invalid",
      /addresses of 127\.0\.0\.0\/8 are not for hosts/,
    ],
    ["multicast", withPools({ subnet: "224.0.0.0/24" }), "invalid", /are not for hosts/],
    [
      "link-local IPv6",
      { ipv6: true, ...withPools({ subnet: "fe80::/64" }) },
      "invalid",
      /clashes with the Link-Local prefix/,
    ],
    [
      "a gateway alone",
      withPools({ gateway: "10.0.0.1" }),
      "invalid",
      /every ip-range or gateway must have a corresponding subnet$/,
    ],
    [
      "a gateway outside",
      withPools({ subnet: "10.0.0.0/24", gateway: "10.0.1.1" }),
      "invalid",
      /invalid gateway 10\.0\.1\.1: parent subnet 10\.0\.0\.0\/24 doesn't contain this address$/,
    ],
    [
      "a gateway of the other family",
      withPools({ subnet: "10.0.0.0/24", gateway: "fd00::1" }),
      "invalid",
      /invalid gateway fd00::1: parent subnet is an IPv4 block$/,
    ],
    [
      "a gateway that is none",
      withPools({ subnet: "10.0.0.0/24", gateway: "x" }),
      "invalid",
      /invalid gateway x: invalid address$/,
    ],
    [
      "the subnet as gateway",
      withPools({ subnet: "10.0.0.0/24", gateway: "10.0.0.0" }),
      "forbidden",
      /^failed to allocate gateway \(10\.0\.0\.0\): Address already in use$/,
    ],
    [
      "a range outside",
      withPools({ subnet: "10.0.0.0/24", range: "10.0.1.0/25" }),
      "invalid",
      /doesn't contain ip-range$/,
    ],
    [
      "a range that is wider",
      withPools({ subnet: "10.0.0.0/24", range: "10.0.0.0/16" }),
      "invalid",
      /CIDR block is bigger than its parent subnet 10\.0\.0\.0\/24/,
    ],
    [
      "a range with host bits",
      withPools({ subnet: "10.0.0.0/24", range: "10.0.0.5/25" }),
      "invalid",
      /invalid ip-range 10\.0\.0\.5\/25: it should be 10\.0\.0\.0\/25$/,
    ],
    [
      "a range of the other family",
      withPools({ subnet: "10.0.0.0/24", range: "fd00::/64" }),
      "invalid",
      /parent subnet is an IPv4 block$/,
    ],
    [
      "an auxiliary address outside",
      withPools({ subnet: "10.0.0.0/24", auxiliary: { r: "10.0.1.1" } }),
      "invalid",
      /invalid auxiliary address r: parent subnet/,
    ],
    [
      "an auxiliary address twice",
      withPools({ subnet: "10.0.0.0/24", gateway: "10.0.0.7", auxiliary: { r: "10.0.0.7" } }),
      "forbidden",
      /^failed to allocate secondary ip address \(r:10\.0\.0\.7\): Address already in use$/,
    ],
    [
      "a subnet twice",
      withPools({ subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/16" }),
      "invalid",
      /invalid subnet 10\.0\.0\.0\/16: it overlaps with 10\.0\.0\.0\/24$/,
    ],
    [
      "all that is wrong at once",
      withPools({ subnet: "x" }, { subnet: "10.0.0.1/24" }),
      "invalid",
      /^invalid network config:\n\* invalid subnet x: .*\n\* invalid subnet 10\.0\.0\.1\/24: it should be 10\.0\.0\.0\/24$/,
    ],
    [
      "a network's subnet",
      withPools({ subnet: "172.17.5.0/24" }),
      "forbidden",
      /^Pool overlaps with other one on this address space: 172\.17\.5\.0\/24 with 172\.17\.0\.0\/16 of network bridge$/,
    ],
    [
      "a route of the host",
      withPools({ subnet: "192.168.0.0/16" }),
      "forbidden",
      /^Pool overlaps with other one on this address space: .* with route 192\.168\.7\.0\/24 of link eth0$/,
    ],
    [
      "a slip in an option",
      option("com.docker.network.bridge.enable_ic", "true"),
      "invalid",
      /^unknown network option com\.docker\.network\.bridge\.enable_ic \(did you mean com\.docker\.network\.bridge\.enable_icc\?\)$/,
    ],
    [
      "a slip in an option of ours",
      option("drawbridge.hostguard", "true"),
      "invalid",
      /did you mean drawbridge\.host-guard\?/,
    ],
    [
      "another default bridge",
      option("com.docker.network.bridge.default_bridge", "true"),
      "invalid",
      /^unknown network option/,
    ],
    [
      "a boolean that is none",
      option("com.docker.network.bridge.enable_icc", "yes"),
      "invalid",
      /^failed to parse com\.docker\.network\.bridge\.enable_icc value: yes \(strconv\.ParseBool: parsing "yes": invalid syntax\)$/,
    ],
    [
      "a number that is none",
      option("com.docker.network.driver.mtu", "1e3"),
      "invalid",
      /^failed to parse com\.docker\.network\.driver\.mtu value: 1e3 \(strconv\.Atoi/,
    ],
    ["no MTU", option("com.docker.network.driver.mtu", "-1"), "invalid", /^invalid MTU number: -1/],
    [
      "an MTU too small for IPv6",
      { ipv6: true, ...option("com.docker.network.driver.mtu", "1000") },
      "invalid",
      /between 1280 and/,
    ],
    [
      "a family option",
      option("com.docker.network.enable_ipv6", "x"),
      "invalid",
      /^driver-opt "com\.docker\.network\.enable_ipv6" is not a valid bool$/,
    ],
    ["a gateway mode", mode("open"), "invalid", /value: open \(unknown gateway mode open\)$/],
    [
      "isolated, and not internal",
      mode("isolated"),
      "invalid",
      /^gateway mode 'isolated' can only be used for an internal network$/,
    ],
    [
      "no address",
      option("com.docker.network.host_ipv4", "x"),
      "invalid",
      /^failed to parse com\.docker\.network\.host_ipv4 value: x \(nil ip\)$/,
    ],
    [
      "another family's address",
      option("com.docker.network.host_ipv6", "10.0.0.1"),
      "invalid",
      /10\.0\.0\.1 is no IPv6 address/,
    ],
    [
      "a long name of a bridge",
      option("com.docker.network.bridge.name", "sixteen-letters-"),
      "invalid",
      /a link's name is wanted/,
    ],
    [
      "a name that is no link's",
      option("com.docker.network.bridge.name", 'x" }'),
      "invalid",
      /a link's name is wanted/,
    ],
    [
      "a name of the kernel's",
      option("com.docker.network.bridge.name", "all"),
      "invalid",
      /a link's name is wanted/,
    ],
    [
      "a bridge that another network has",
      option("com.docker.network.bridge.name", "docker0"),
      "forbidden",
      /\(docker0\): networks have same bridge name$/,
    ],
    [
      "a long prefix",
      option("com.docker.network.container_iface_prefix", "fourteen-lette"),
      "invalid",
      /can't begin a link's name/,
    ],
    [
      "a trusted link that is none",
      option("com.docker.network.bridge.trusted_host_interfaces", "eth0:a b"),
      "invalid",
      /it can't be a link's name/,
    ],
    [
      "a way out of an internal network",
      {
        internal: true,
        ...withPools({ subnet: "10.0.0.0/24", auxiliary: { DefaultGatewayIPv4: "10.0.0.9" } }),
      },
      "invalid",
      /^no gateway can be set on an internal bridge network$/,
    ],
  ];
  const taken = made({ name: "taken" });
  for (const [what, request, kind, message] of table) {
    test(what, () => assert.throws(() => made(request, beside(taken)), { kind, message }));
  }
});
