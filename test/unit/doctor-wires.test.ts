/** Checks of links, routes and neighbours: each broken, and each as it may well be. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { EngineNetwork, Namespace, NamespaceId } from "../../src/observe/types.ts";
import {
  address,
  BRIDGE,
  type Changes,
  container,
  HOST,
  link,
  namespace,
  neighbour,
  route,
  SETTINGS,
  said,
  withLink,
  withSysctls,
} from "../support/doctor-lab.ts";
import { both, find, more, only } from "./doctor-host.ts";

describe("the host's own way out", () => {
  test("two of one metric", async () => {
    const host = more({ links: [link(6, "wlan0")], routes: [route("0.0.0.0/0", 6, "192.0.2.1")] });
    assert.deepEqual(said(await find("host-route", { host })), [
      "risk: this machine has 2 default routes of metric 0, by eth0 and wlan0: only the first is used",
    ]);
  });

  test("of two metrics is as it should be", async () => {
    const host = more({
      links: [link(6, "wlan0")],
      routes: [route("0.0.0.0/0", 6, "192.0.2.1", { metric: 600 })],
    });
    assert.deepEqual(await find("host-route", { host }), []);
  });

  test("into a container's wire", async () => {
    const [found] = await find("host-route", {
      host: more({ routes: [route("0.0.0.0/0", 4, undefined, { metric: 9 })] }),
    });
    assert.equal(
      `${found?.severity}: ${found?.title}`,
      "broken: this machine sends what it knows no other way for to vethweb, where containers are",
    );
    assert.equal(found?.fixes[0]?.command, "ip route del default dev vethweb metric 9");
  });

  test("none at all, where there is a link to leave by", async () => {
    const without = (of: Namespace) => ({ ...of, routes: of.routes.filter(({ to }) => to.length > 0) });
    assert.deepEqual(said(await find("host-route", { host: without })), [
      "note: this machine has no default route: containers reach no further than the networks of eth0",
    ]);
    assert.deepEqual(await find("host-route", { host: without, network: { internal: true } }), []);
  });
});

describe("links that stand upon others", () => {
  const LAN: EngineNetwork = {
    ...BRIDGE,
    id: "net2",
    name: "lan",
    driver: "macvlan",
    options: { parent: "eth0" },
    subnets: [{ subnet: parsePrefix("203.0.113.0/24") }],
  };
  const of = container("lamp", "203.0.113.7", {
    endpoints: [
      {
        network: "lan",
        networkId: "net2",
        addresses: [parsePrefix("203.0.113.7/24")],
        gateways: [parseAddress("203.0.113.1")],
        aliases: [],
      },
    ],
  });
  const lamp = namespace(9 as NamespaceId, "lamp", {
    container: of,
    links: [
      link(2, "eth0", { kind: "macvlan", macvlanMode: "bridge", other: { ifindex: 2, namespace: HOST } }),
    ],
    addresses: [address(2, "203.0.113.7/24")],
    routes: [route("0.0.0.0/0", 2, "203.0.113.1")],
  });
  const on = (changes: Changes): Changes => ({
    more: [lamp],
    engine: { networks: [BRIDGE, LAN] },
    ...changes,
  });

  test("on one that is down", async () => {
    assert.deepEqual(
      said(await find("macvlan-parent", on({ host: withLink("eth0", { up: false, carrier: false }) }))),
      ["broken: container lamp reaches nobody: eth0, which its link stands upon, is down"],
    );
    assert.deepEqual(said(await find("macvlan-parent", on({ host: withLink("eth0", { carrier: false }) }))), [
      "broken: container lamp reaches nobody: eth0, which its link stands upon, has no carrier",
    ]);
  });

  test("on one that is gone", async () => {
    const networks = [BRIDGE, { ...LAN, options: { parent: "eth0.20" } }];
    const found = said(await find("macvlan-parent", on({ engine: { networks } })));
    assert.ok(
      found.includes("broken: container lamp reaches nobody on lan: eth0.20, which it stands upon, is gone"),
    );
  });

  test("that the host does not reach is a note, unless it has one of its own", async () => {
    assert.deepEqual(said(await find("macvlan-parent", on({}))), [
      "note: this machine and container lamp don't reach each other by eth0",
    ]);
    const host = more({
      links: [link(8, "beside", { kind: "macvlan", other: { ifindex: 2, namespace: HOST } })],
    });
    assert.deepEqual(await find("macvlan-parent", on({ host })), []);
  });
});

describe("neighbours that did not answer", () => {
  const FAILED = { state: 0x20 };
  const entry = (ifindex: number, ip: string) => {
    const { mac, ...rest } = neighbour(ifindex, ip, "02:00:00:00:00:01", FAILED.state);
    return mac ? rest : rest;
  };

  test("and still don't", async () => {
    const host = more({ neighbours: [entry(2, "203.0.113.1"), entry(3, "172.17.0.2")] });
    assert.deepEqual(said(await find("silent-neighbour", { host }, { whoHas: async () => [] })), [
      "broken: this machine gets no answer from its gateway at 203.0.113.1: it reaches nobody beyond its own network",
      "broken: this machine gets no answer from container web at 172.17.0.2: neither this machine nor its published ports reach it",
    ]);
  });

  test("and do by now, or are nobody's", async () => {
    const host = more({ neighbours: [entry(2, "203.0.113.1"), entry(3, "172.17.0.77")] });
    const answers = { whoHas: async () => ["02:00:00:00:00:99"] };
    assert.deepEqual(await find("silent-neighbour", { host }, answers), []);
    const stray = more({ neighbours: [entry(2, "203.0.113.77"), entry(3, "172.17.0.77")] });
    assert.deepEqual(await find("silent-neighbour", { host: stray }, { whoHas: async () => [] }), []);
  });
});

describe("sizes that differ", () => {
  test("the container takes less than its wire", async () => {
    assert.deepEqual(said(await find("mtu-mismatch", { web: withLink("eth0", { mtu: 1400 }) })), [
      "risk: web does not get datagrams of more than 1400 bytes: vethweb passes on 1500, its eth0 takes 1400",
    ]);
  });

  test("pairs of two sizes on one bridge", async () => {
    const host = both(withLink("vethweb", { mtu: 1400 }), withLink("docker0", { mtu: 1400 }));
    assert.deepEqual(said(await find("mtu-mismatch", { host, web: withLink("eth0", { mtu: 1400 }) })), [
      "risk: docker0 joins links of 1400 and of 1500 bytes: datagrams of more than 1400 to vethweb are dropped",
    ]);
  });

  test("all small alike is as it should be", async () => {
    const small = withLink("eth0", { mtu: 1400 });
    const names = ["docker0", "vethweb", "vethdb"].map((name) => withLink(name, { mtu: 1400 }));
    assert.deepEqual(await find("mtu-mismatch", { host: both(...names), web: small, db: small }), []);
  });
});

describe("a link that answers for others", () => {
  test("for containers", async () => {
    const host = withLink("eth0", { settings: { ...SETTINGS, proxyArp: true } });
    assert.deepEqual(said(await find("proxy-arp", { host })), [
      "note: eth0 answers ARP for addresses of containers: neighbours there find them without a route",
    ]);
    const all = withSysctls({ "net.ipv4.conf.all.proxy_arp": "1" });
    assert.equal((await find("proxy-arp", { host: all }))[0]?.evidence[0], "net.ipv4.conf.all.proxy_arp = 1");
  });

  test("for a subnet that is its own as well", async () => {
    const host = both(
      withLink("eth0", { settings: { ...SETTINGS, proxyArp: true } }),
      only({ addresses: [address(2, "172.17.200.1/17"), address(3, "172.17.0.1/16")] }),
    );
    assert.deepEqual(said(await find("proxy-arp", { host })), [
      "risk: eth0 answers ARP for 172.17.0.0/16, which containers share with its own network",
    ]);
  });
});
