import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix, type Mac, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { bridgeDriver } from "../../src/network/bridge/driver.ts";
import { bridgeMac } from "../../src/network/bridge/link.ts";
import { bridgeOptions } from "../../src/network/bridge/options.ts";
import { type Elements, type SetName, toSetElements } from "../../src/network/firewall/elements.ts";
import type { HostState } from "../../src/network/host-state.ts";
import type { Endpoint, Network, NetworkRequest, PortBinding } from "../../src/network/types.ts";
import { bridge, dual, EMPTY, endpoint, link, made, told } from "./network-design.ts";

const SANDBOX = "/run/netns/s" as NetnsPath;

/** Elements as nft writes them, in short. */
const shown = (elements: Elements): Record<string, string[]> => {
  const all: Record<string, string[]> = {};
  const text = (data: readonly object[]) =>
    data
      .map((datum) => Object.values(datum)[0])
      .map((value) =>
        typeof value !== "object" || value === null
          ? String(value)
          : "bits" in value
            ? formatAddress(value as Parameters<typeof formatAddress>[0])
            : formatPrefix(value as Parameters<typeof formatPrefix>[0]),
      )
      .join(" ");
  for (const { set, key, value } of toSetElements(elements)) {
    all[set] = [...(all[set] ?? []), text(key) + (value ? ` : ${text(value)}` : "")];
  }
  return all;
};

describe("a bridge of two families", () => {
  const network = dual();
  const name = `br-${network.id.slice(0, 12)}`;

  test("is named after its network, gets both gateways, and comes up last", () => {
    assert.deepEqual(told(bridgeDriver.ensure(network, EMPTY)), [
      "add-bridge",
      `net.ipv6.conf.${name}.accept_ra=0`,
      `net.ipv6.conf.${name}.accept_dad=0`,
      `net.ipv6.conf.${name}.disable_ipv6=0`,
      `net.ipv4.conf.${name}.route_localnet=1`,
      `add-address 10.1.0.1/24 ${name}`,
      `add-address fd00:1::1/64 ${name}`,
      "set-link",
    ]);
  });

  test("that had one before gets the other, and stays", () => {
    const before: Network = {
      ...network,
      ipv6: false,
      ipam: { ...network.ipam, pools: network.ipam.pools.slice(0, 1) },
    };
    assert.equal(bridgeDriver.replaces(before, network), false);
    assert.equal(bridgeDriver.replaces(network, before), true);
    const facts: HostState = {
      links: [{ ...link(name, 5), kind: "bridge", mac: bridgeMac(network) }],
      addresses: [{ ifindex: 5, address: parsePrefix("10.1.0.1/24"), scope: 0 }],
      routes: [],
    };
    assert.deepEqual(told(bridgeDriver.ensure(network, facts)).at(-1), `add-address fd00:1::1/64 ${name}`);
    assert.deepEqual(bridgeDriver.ensure(before, facts), []);
  });

  test("a sandbox's interface has both, IPv6 turned on before, and the user's settings after ours", () => {
    const sysctls = "net.ipv6.conf.IFNAME.accept_ra=2,net.ipv4.conf.ifname.log_martians=1";
    const driverOptions = { "com.docker.network.endpoint.sysctls": sysctls };
    const plan = bridgeDriver.attach(network, endpoint(network, { driverOptions }), SANDBOX);
    assert.deepEqual(told(plan), [
      "add-veth",
      "net.ipv6.conf.eth0.accept_ra=0",
      "net.ipv6.conf.eth0.accept_dad=0",
      "net.ipv6.conf.eth0.disable_ipv6=0",
      "net.ipv6.conf.eth0.accept_ra=2",
      "net.ipv4.conf.eth0.log_martians=1",
      "add-address 10.1.0.2/24 eth0",
      "add-address fd00:1::2/64 eth0",
    ]);
    assert.ok(plan.every((step) => step.do === "add-veth" || ("netns" in step && step.netns === SANDBOX)));
  });

  test("an endpoint speaks with its addresses and the link-local one of its MAC", () => {
    const one = endpoint(network);
    const port = String(one.hostInterface);
    assert.equal(one.mac, "02:42:0a:01:00:02");
    const addresses6 = ["fd00:1::2", "fe80::42:aff:fe01:2"];
    assert.deepEqual(shown(bridgeDriver.endpointElements(network, one)), {
      ports: [port],
      senders: [`${port} 02:42:0a:01:00:02`],
      owners4: [`${port} 02:42:0a:01:00:02 10.1.0.2`],
      owners6: addresses6.map((each) => `${port} 02:42:0a:01:00:02 ${each}`),
      senders6: [`${port} 02:42:0a:01:00:02`],
      targets6: addresses6.map((each) => `${port} ${each}`),
      announced6: [`${port} 02:42:0a:01:00:02`],
    });
    const open = dual({ options: { "drawbridge.spoof-guard": "false", [bridge("enable_icc")]: "0" } });
    assert.deepEqual(Object.keys(bridgeDriver.endpointElements(open, one)), ["separated"]);
  });
});

describe("what a bridge network has in the firewall", () => {
  const elementsOf = (more: Partial<NetworkRequest>) => {
    const network = dual({ ...more, options: { [bridge("name")]: "br0", ...more.options } });
    const { bridges, icc, ...rest } = shown(bridgeDriver.elements(network));
    assert.deepEqual([bridges, icc], [["br0"], ["br0 br0"]]);
    return rest;
  };
  const plain = { masquerade4: ["10.1.0.0/24"], local4: ["br0 10.1.0.0/24"] };
  const plain6 = { masquerade6: ["fd00:1::/64"], local6: ["br0 fd00:1::/64"] };

  test("translation of both families", () => assert.deepEqual(elementsOf({}), { ...plain, ...plain6 }));

  test("none on an internal one", () => {
    assert.deepEqual(elementsOf({ internal: true }), { internal: ["br0"] });
  });

  test("what its gateway modes say, by family", () => {
    const modes = {
      [bridge("gateway_mode_ipv4")]: "nat-unprotected",
      [bridge("gateway_mode_ipv6")]: "routed",
    };
    assert.deepEqual(elementsOf({ options: modes }), { open: ["ipv4 br0"], routed: ["ipv6 br0"], ...plain });
  });

  test("an address of the user's choice in place of the link's", () => {
    const options = {
      "com.docker.network.host_ipv4": "203.0.113.9",
      "com.docker.network.host_ipv6": "2001:db8::9",
    };
    assert.deepEqual(elementsOf({ options }), {
      snat4: ["10.1.0.0/24 : 203.0.113.9"],
      local4: plain.local4,
      snat6: ["fd00:1::/64 : 2001:db8::9"],
      local6: plain6.local6,
    });
  });

  test("trusted links, and the host's guard", () => {
    const options = {
      [bridge("enable_ip_masquerade")]: "false",
      [bridge("trusted_host_interfaces")]: "eth1:eth2.10",
      "drawbridge.host-guard": "true",
    };
    assert.deepEqual(elementsOf({ options }), {
      guarded: ["br0"],
      trusted: ["eth1 br0", "eth2.10 br0"],
      local4: plain.local4,
      local6: plain6.local6,
    });
  });
});

describe("published ports", () => {
  const binding = (host: string, hostPort: number, port = 80): PortBinding => ({
    hostAddress: parseAddress(host),
    hostPort,
    port,
    protocol: "tcp",
  });
  const bindings = [
    binding("0.0.0.0", 8080),
    binding("::", 8080),
    binding("127.0.0.1", 8081),
    binding("::1", 8081),
    binding("2001:db8::1", 8082, 81),
  ];
  const led = (more: Partial<NetworkRequest> = {}, of: Partial<Endpoint> = {}) => {
    const network = dual({ ...more, options: { [bridge("name")]: "br0", ...more.options } });
    return shown(bridgeDriver.portElements(network, { ...endpoint(network), ...of }, bindings));
  };
  const mode = (both: string) => ({
    options: { [bridge("gateway_mode_ipv4")]: both, [bridge("gateway_mode_ipv6")]: both },
  });
  const published = {
    published4: ["6 127.0.0.1 8081 : 10.1.0.2 80"],
    published6: ["6 2001:db8::1 8082 : fd00:1::2 81"],
    published4_any: ["6 8080 : 10.1.0.2 80"],
    published6_any: ["6 8080 : fd00:1::2 80"],
  };

  test("are translated, and admitted once a container's port; [::1] is the relay's", () => {
    assert.deepEqual(led(), {
      admitted4: ["br0 10.1.0.2 6 80"],
      admitted6: ["br0 fd00:1::2 6 80", "br0 fd00:1::2 6 81"],
      ...published,
    });
  });

  test("on an unprotected network need no word more", () => {
    assert.deepEqual(led(mode("nat-unprotected")), published);
  });

  test("on a routed one are opened, but for those of the host's loopback", () => {
    assert.deepEqual(led(mode("routed")), {
      exposed4: ["br0 10.1.0.2 6 80"],
      exposed6: ["br0 fd00:1::2 6 80", "br0 fd00:1::2 6 81"],
    });
  });

  test("on an internal or isolated one are nothing", () => {
    assert.deepEqual(led({ internal: true }), {});
    assert.deepEqual(led({ internal: true, ...mode("isolated") }), {});
  });

  test("without an IPv6 address are the relay's on IPv6", () => {
    const network = made({ options: { [bridge("name")]: "br0" } });
    const elements = bridgeDriver.portElements(network, endpoint(network), bindings);
    const sets: SetName[] = ["published4_any", "admitted4", "published4"];
    assert.deepEqual(Object.keys(elements).sort(), sets.sort());
  });

  test("are published at both families' addresses, unless the network names one", () => {
    const defaults = (options: Record<string, string>) =>
      bridgeOptions(dual({ options })).hostBindings.map(formatAddress);
    assert.deepEqual(defaults({}), ["0.0.0.0", "::"]);
    assert.deepEqual(defaults({ [bridge("host_binding_ipv4")]: "0.0.0.0" }), ["0.0.0.0", "::"]);
    assert.deepEqual(defaults({ [bridge("host_binding_ipv4")]: "127.0.0.1" }), ["127.0.0.1"]);
  });
});

describe("modes without an address on the bridge", () => {
  const kinds = (more: Partial<NetworkRequest>) =>
    told(
      bridgeDriver.ensure(dual({ ...more, options: { [bridge("name")]: "br.0", ...more.options } }), EMPTY),
    );

  test("isolated: none, of either family", () => {
    const options = { [bridge("gateway_mode_ipv4")]: "isolated", [bridge("gateway_mode_ipv6")]: "isolated" };
    assert.deepEqual(kinds({ internal: true, options }), [
      "add-bridge",
      "net.ipv6.conf.br/0.disable_ipv6=1",
      "set-link",
    ]);
  });

  test("inhibited: none of IPv4, and nothing translated to it from the host's loopback", () => {
    const steps = kinds({ options: { [bridge("inhibit_ipv4")]: "true" } });
    assert.deepEqual(steps.slice(-2), ["add-address fd00:1::1/64 br.0", "set-link"]);
    assert.ok(!steps.includes("net.ipv4.conf.br/0.route_localnet=1"));
  });

  test("routed: its address, and no way from the loopback", () => {
    const steps = kinds({ options: { [bridge("gateway_mode_ipv4")]: "routed" } });
    assert.ok(steps.includes("add-address 10.1.0.1/24 br.0"));
    assert.ok(!steps.includes("net.ipv4.conf.br/0.route_localnet=1"));
  });
});

describe("a bridge that its user made", () => {
  const theirs = { ...link("br0", 5), kind: "bridge", mac: "02:00:00:00:00:05" as Mac, mtu: 9000 };
  const facts: HostState = {
    links: [theirs],
    addresses: [{ ifindex: 5, address: parsePrefix("10.1.0.1/24"), scope: 0 }],
    routes: [],
  };
  const design = (name = "br0") => dual({ options: { [bridge("name")]: name } });
  const remembered = (network: Network, of: HostState): Network => ({
    ...network,
    made: bridgeDriver.remember(network, of),
  });

  test("is used, given what it lacks, and given back without it", () => {
    const down: HostState = { ...facts, links: [{ ...theirs, up: false }] };
    const network = design();
    assert.doesNotThrow(() => bridgeDriver.refuse(network, down));
    const used = remembered(network, down);
    assert.deepEqual(used.made, { bridge: "found", addresses: "fd00:1::1/64", up: "true" });
    assert.deepEqual(told(bridgeDriver.ensure(used, down)), [
      "net.ipv6.conf.br0.disable_ipv6=0",
      "net.ipv4.conf.br0.route_localnet=1",
      "add-address fd00:1::1/64 br0",
      "set-link",
    ]);
    const given = { ifindex: 5, address: parsePrefix("fd00:1::1/64"), scope: 0 };
    const now: HostState = { ...facts, addresses: [...facts.addresses, given] };
    assert.deepEqual(bridgeDriver.ensure(used, now), []);
    assert.deepEqual(told(bridgeDriver.remove(used, now, [])), [
      "net.ipv4.conf.br0.route_localnet=0",
      "delete-address fd00:1::1/64 br0",
      "set-link",
    ]);
  });

  test("that is gone is made anew, and then is ours to delete", () => {
    const used = remembered(design(), facts);
    assert.equal(told(bridgeDriver.ensure(used, EMPTY))[0], "add-bridge");
    const ours: HostState = { ...EMPTY, links: [{ ...theirs, mac: bridgeMac(used) }] };
    assert.deepEqual(bridgeDriver.remove(used, ours, []), [{ do: "delete-link", name: "br0" }]);
  });

  test("is refused where it is no bridge, or another engine's", () => {
    const refuse = (name: string, of: object) =>
      bridgeDriver.refuse(design(name), { ...EMPTY, links: [{ ...theirs, name, ...of }] });
    assert.throws(() => refuse("br0", { kind: "veth" }), {
      kind: "conflict",
      message: "existing interface br0 is not a bridge",
    });
    for (const name of ["podman0", "virbr0", "br-0123456789ab"]) {
      assert.throws(() => refuse(name, {}), { kind: "conflict", message: /not of this engine's making/ });
    }
    assert.throws(() => refuse("br1", { alias: "net of drawbridge" }), { kind: "conflict" });
  });
});
