import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, formatPrefix, parseAddress } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { HostState } from "../../src/network/host-state.ts";
import { macvlanDriver } from "../../src/network/macvlan/driver.ts";
import type { Endpoint, Network, NetworkRequest } from "../../src/network/types.ts";
import { beside, EMPTY, eth0, link, made, told } from "./network-design.ts";

const SANDBOX = "/run/netns/s" as NetnsPath;

const macvlan = (options: Record<string, string> = {}, more: Partial<NetworkRequest> = {}) =>
  made({ driver: "macvlan", options: { parent: "eth0", ...options }, ...more });
const WIRE = { ipam: { config: [{ subnet: "192.168.7.0/24", gateway: "192.168.7.1" }] } };

const endpointOf = (network: Network, others: readonly Endpoint[] = []): Endpoint =>
  ({
    id: "e",
    network: network.id,
    networkName: network.name,
    containerName: "web",
    ...macvlanDriver.connect(network, others, { taken: ["eth0"] }),
  }) as unknown as Endpoint;

describe("a macvlan network", () => {
  test("is in mode bridge, and adds nothing to the host or its firewall", () => {
    const network = macvlan({}, WIRE);
    assert.doesNotThrow(() => macvlanDriver.refuse(network, eth0));
    assert.deepEqual(macvlanDriver.ensure(network, eth0), []);
    assert.deepEqual(macvlanDriver.remove(network, eth0, []), []);
    assert.deepEqual(macvlanDriver.elements(network), {});
  });

  test("gives an interface of its own on its parent, with the wire's gateway", () => {
    const network = macvlan({ macvlan_mode: "private", "com.docker.network.driver.mtu": "1400" }, WIRE);
    const endpoint = endpointOf(network);
    const { address, gateway, hostInterface } = endpoint;
    assert.deepEqual(
      [address && formatPrefix(address), gateway && formatAddress(gateway), hostInterface],
      ["192.168.7.2/24", "192.168.7.1", undefined],
    );
    const [first, ...rest] = macvlanDriver.attach(network, endpoint, SANDBOX);
    assert.deepEqual(first, {
      do: "add-macvlan",
      netns: SANDBOX,
      name: "eth1",
      parent: "eth0",
      mode: "private",
      mac: "02:42:c0:a8:07:02",
      mtu: 1400,
      alias: "web @ n",
    });
    assert.deepEqual(told(rest), ["add-address 192.168.7.2/24 eth1"]);
    assert.deepEqual(macvlanDriver.detach(network, endpoint, SANDBOX), [
      { do: "delete-link", netns: SANDBOX, name: "eth1" },
    ]);
  });

  test("that is internal, or names no gateway, offers no way out", () => {
    assert.equal(endpointOf(macvlan({}, { ...WIRE, internal: true })).gateway, undefined);
    assert.equal(endpointOf(macvlan()).gateway, undefined);
  });

  test("without addresses has a random MAC", () => {
    const network = macvlan({}, { ipv4: false, ipam: { driver: "null" } });
    const { address, mac } = endpointOf(network);
    assert.equal(address, undefined);
    assert.match(mac ?? "", /^02:42:/);
    assert.notEqual(mac, endpointOf(network).mac);
  });

  test("in passthru has one container, with its parent's MAC", () => {
    const network = macvlan({ macvlan_mode: "passthru" }, WIRE);
    const one = endpointOf(network);
    assert.equal(one.mac, undefined);
    assert.throws(() => endpointOf(network, [one]), {
      kind: "forbidden",
      message: /belongs to one container/,
    });
  });

  test("shares its parent with others, unless one of them is in passthru", () => {
    const other = made({ name: "other", driver: "macvlan", options: { parent: "eth0" } });
    const passing = made({
      name: "p",
      driver: "macvlan",
      options: { parent: "eth0", macvlan_mode: "passthru" },
    });
    const design = (options: object, beside_: Network) =>
      made({ driver: "macvlan", options: { parent: "eth0", ...options } }, beside(beside_));
    assert.doesNotThrow(() => design({}, other));
    assert.throws(() => design({ macvlan_mode: "passthru" }, other), {
      kind: "forbidden",
      message: `cannot use mode passthru, macvlan network ${other.id} is already using parent interface eth0`,
    });
    assert.throws(() => design({}, passing), {
      kind: "forbidden",
      message: `macvlan network ${passing.id} is already using parent interface eth0 in mode passthru`,
    });
  });

  test("is refused without a parent, on loopback, in a mode that isn't, without addresses it should have", () => {
    const wrong = [
      [{ parent: "" }, "not-built-in", /pass --opt parent=LINK/],
      [{ parent: "lo" }, "invalid", /^loopback interface is not a valid macvlan parent link$/],
      [{ parent: "a b" }, "invalid", /can't be a link's name/],
      [
        { macvlan_mode: "x" },
        "invalid",
        /^requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan/,
      ],
    ] as const;
    for (const [options, kind, message] of wrong) assert.throws(() => macvlan(options), { kind, message });
    assert.throws(() => macvlan({}, { ipam: { driver: "null" } }), {
      kind: "invalid",
      message: /ipv4 pool is empty/,
    });
  });
});

describe("a VLAN as a parent", () => {
  const vlan = macvlan({ parent: "eth0.10" }, { ...WIRE, name: "v" });
  const ours: HostState = {
    ...eth0,
    links: [...eth0.links, { ...link("eth0.10", 7), alias: "VLAN of drawbridge" }],
  };

  test("is made where it is not there, and known again by its alias", () => {
    assert.deepEqual(macvlanDriver.ensure(vlan, eth0), [
      { do: "add-vlan", name: "eth0.10", parent: "eth0", id: 10 },
      { do: "set-link", name: "eth0.10", alias: "VLAN of drawbridge" },
    ]);
    assert.deepEqual(macvlanDriver.ensure(vlan, ours), []);
  });

  test("goes with the last network on it; one of the user's stays", () => {
    const other: Network = { ...vlan, id: "other" as Network["id"] };
    assert.deepEqual(macvlanDriver.remove(vlan, ours, [other]), []);
    assert.deepEqual(macvlanDriver.remove(vlan, ours, [vlan]), [{ do: "delete-link", name: "eth0.10" }]);
    const theirs: HostState = { ...eth0, links: [...eth0.links, link("eth0.10", 7)] };
    assert.deepEqual(macvlanDriver.remove(vlan, theirs, []), []);
  });

  test("is refused in Docker's words where it can't be", () => {
    const refusals = [
      ["eth9", /^invalid subinterface vlan name eth9, example formatting is eth0\.10$/],
      ["eth9.10", /^-o parent interface was not found on the host: eth9$/],
      ["eth0.x", /^unable to parse a valid vlan id from: x/],
      ["eth0.4095", /^vlan id must be between 1-4094, received: 4095$/],
      ["eth0.1.2", /^required interface name format is: name\.vlan_id/],
    ] as const;
    for (const [parent, message] of refusals) {
      assert.throws(() => macvlanDriver.refuse(macvlan({ parent }), eth0), { kind: "invalid", message });
    }
    assert.throws(() => macvlanDriver.refuse(vlan, EMPTY), { message: /was not found on the host: eth0$/ });
  });
});

test("an address that is asked for is given on the wire too", () => {
  const network = macvlan({}, WIRE);
  const { address } = macvlanDriver.connect(network, [], {
    taken: [],
    address: parseAddress("192.168.7.77"),
  });
  assert.equal(address && formatPrefix(address), "192.168.7.77/24");
});
