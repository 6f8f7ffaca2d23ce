/** Checks that look at files, sockets' holders and numbers beside the topology. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NameAnswer } from "../../src/doctor/types.ts";
import { parsePrefix } from "../../src/lib/ip.ts";
import {
  address,
  BRIDGE,
  link,
  route,
  SETTINGS,
  said,
  withLink,
  withSysctls,
} from "../support/doctor-lab.ts";
import { listening, PUBLISHED } from "./doctor-cases.ts";
import { both, find, more, only } from "./doctor-host.ts";

const resolv = (text: string) => ({
  readText: (path: string) => (path.endsWith("/etc/resolv.conf") ? text : undefined),
});

describe("names", () => {
  const silent: NameAnswer = { answered: false, why: "no answer within 1000 ms" };

  test("no name server at all", async () => {
    assert.deepEqual(said(await find("dns-servers", {}, resolv("search example.com\n"))), [
      "broken: container web resolves no names: its resolv.conf has no nameserver",
      "broken: container db resolves no names: its resolv.conf has no nameserver",
    ]);
  });

  test("the host's stub, leaked", async () => {
    const found = await find("dns-servers", {}, resolv("nameserver 127.0.0.53 # by hand\n"));
    assert.equal(
      said(found)[0],
      "broken: container web resolves no names: it asks 127.0.0.53, where nobody listens in a container",
    );
  });

  test("a stub beside a real server costs time alone", async () => {
    const found = await find("dns-servers", {}, resolv("nameserver 127.0.0.1\nnameserver 192.0.2.1\n"));
    assert.ok(said(found).every((one) => one.startsWith("risk: ")));
    assert.equal(found.length, 2);
  });

  test("a stub of the container's own is its own", async () => {
    const own = only({ sockets: [{ ...listening(53, "127.0.0.1"), protocol: "udp" }] });
    assert.deepEqual(await find("dns-servers", { web: own, db: own }, resolv("nameserver 127.0.0.1\n")), []);
  });

  test("an upstream that does not answer is told once for all who ask it", async () => {
    const found = await find(
      "dns-answers",
      {},
      { ...resolv("nameserver 192.0.2.1\n"), askName: async () => silent },
    );
    assert.deepEqual(said(found), [
      "broken: containers web and db can't resolve names at 192.0.2.1, a name server of theirs: it does not answer (no answer within 1000 ms)",
    ]);
  });

  test("an embedded resolver whose upstreams are gone knows its own names, and no others", async () => {
    const askName = async (_: unknown, __: unknown, name: string): Promise<NameAnswer> =>
      name === "localhost" ? silent : { answered: true, code: 0, addresses: [], took: 1 };
    assert.deepEqual(said(await find("dns-answers", {}, { askName })), [
      "broken: containers web and db can't resolve names of the outside: those that the engine's resolver asks don't answer",
    ]);
  });

  test("an embedded resolver that is gone answers nothing", async () => {
    const found = await find("dns-answers", {}, { askName: async () => silent });
    assert.equal(
      said(found)[0],
      "broken: container web can't resolve names: the engine's resolver at 127.0.0.11 does not answer (no answer within 1000 ms)",
    );
  });

  test("an internal network has nobody outside to ask", async () => {
    const tools = { ...resolv("nameserver 192.0.2.1\n"), askName: async () => silent };
    assert.deepEqual(await find("dns-answers", { network: { internal: true } }, tools), []);
  });

  test("a container whose wire is cut is not said to have no names as well", async () => {
    const web = withLink("eth0", { up: false });
    const found = await find(
      "dns-answers",
      { web },
      { ...resolv("nameserver 192.0.2.1\n"), askName: async () => silent },
    );
    assert.match(said(found)[0] ?? "", /^broken: container db can't/);
  });

  test("the engine's resolver has lost a name", async () => {
    const askName = async (): Promise<NameAnswer> => ({ answered: true, code: 3, addresses: [], took: 1 });
    assert.deepEqual(said(await find("dns-names", {}, { askName })), [
      "broken: containers don't find each other by name: the resolver at 127.0.0.11 does not know db",
    ]);
  });

  test("search lists and servers that cost time", async () => {
    const text =
      "search a.example b.example\noptions ndots:5\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
    assert.deepEqual(said(await find("dns-search", {}, resolv(text))), [
      "note: containers web and db: a name like example.com is first asked for with each of 2 search domains",
      "note: containers web and db: 4 name servers are named, and glibc asks the first 3",
    ]);
  });
});

describe("ports", () => {
  const nginx = { pid: 7, name: "nginx", command: "nginx: master process" };
  const taken = only({ sockets: [listening(8080)] });

  test("a program of the host at a published one", async () => {
    const found = await find(
      "port-shadowed",
      { webContainer: PUBLISHED, host: taken },
      { holderOf: () => nginx },
    );
    assert.deepEqual(said(found), [
      "risk: nginx (pid 7) of this machine listens at 8080/tcp, which is published for web",
    ]);
  });

  test("who holds it for the engine is no stranger", async () => {
    for (const name of ["docker-proxy", "conmon", "dockerd"])
      assert.deepEqual(
        await find(
          "port-shadowed",
          { webContainer: PUBLISHED, host: taken },
          { holderOf: () => ({ ...nginx, name }) },
        ),
        [],
      );
    const command = "/usr/bin/node /opt/bin/drawbridge daemon";
    assert.deepEqual(
      await find(
        "port-shadowed",
        { webContainer: PUBLISHED, host: taken },
        { holderOf: () => ({ ...nginx, command }) },
      ),
      [],
    );
  });

  test("all of them in TIME-WAIT", async () => {
    const host = withSysctls({ "net.ipv4.ip_local_port_range": "32768\t60999" });
    const readText = (path: string) =>
      path === "/proc/self/net/sockstat" ? "TCP: inuse 5 orphan 0 tw 28000 alloc 9\n" : undefined;
    assert.match(
      said(await find("ports-exhausted", { host }, { readText }))[0] ?? "",
      /^risk: this machine is running out of local ports/,
    );
  });

  test("nobody translates to it: that is no firewall's doing", async () => {
    assert.deepEqual(await find("way-in", { webContainer: PUBLISHED }), []);
  });
});

describe("numbers", () => {
  test("wrong checksums, where they are more than a few", async () => {
    const readText = (path: string) =>
      path === "/proc/self/net/snmp" ? "Udp: InDatagrams InCsumErrors\nUdp: 900 100\n" : undefined;
    assert.deepEqual(said(await find("checksum-errors", {}, { readText })), [
      "risk: this machine throws UDP packets away for their checksum: 100 of 1000",
    ]);
  });

  test("a bridge with nearly all of its ports in use", async () => {
    const links = Array.from({ length: 1000 }, (_, i) =>
      link(100 + i, `veth${i}`, { kind: "veth", master: 3 }),
    );
    assert.match(said(await find("bridge-full", { host: more({ links }) }))[0] ?? "", /room for 21 more/);
  });

  test("dockerd without a subnet for the next network", async () => {
    const networks = [
      ...Array.from({ length: 15 }, (_, i) => `172.${17 + i}.0.0/16`),
      ...Array.from({ length: 15 }, (_, i) => `192.168.${16 * i}.0/20`),
    ].map((subnet, i) => ({ ...BRIDGE, id: `net${i + 1}`, subnets: [{ subnet: parsePrefix(subnet) }] }));
    assert.deepEqual(said(await find("pools-used-up", { engine: { networks } })), [
      "risk: dockerd has subnets left for 1 more network",
    ]);
    const readText = (path: string) =>
      path === "/etc/docker/daemon.json" ? '{"default-address-pools":[]}' : undefined;
    assert.deepEqual(await find("pools-used-up", { engine: { networks } }, { readText }), []);
  });

  test("limits without a controller", async () => {
    const readText = (path: string) =>
      path === "/sys/fs/cgroup/cgroup.controllers" ? "cpuset cpu io pids\n" : undefined;
    assert.ok(
      said(await find("runtime-missing", {}, { readText })).includes(
        "risk: limits of containers are not kept: this machine has no cgroup controller memory",
      ),
    );
  });
});

describe("loopback", () => {
  test("a neighbour reaches what listens there, where route_localnet is on", async () => {
    const host = both(
      withLink("eth0", { settings: { ...SETTINGS, routeLocalnet: true } }),
      only({ sockets: [listening(99, "127.0.0.1")] }),
    );
    assert.deepEqual(said(await find("route-localnet", { host })), [
      "risk: whoever is on the network of eth0 reaches services at 127.0.0.1 of this machine, as 127.0.0.1:99",
    ]);
  });

  test("where nobody listens at the loopback alone, nothing is at risk", async () => {
    const host = both(
      withLink("eth0", { settings: { ...SETTINGS, routeLocalnet: true } }),
      only({ sockets: [listening(99)] }),
    );
    assert.deepEqual(await find("route-localnet", { host }), []);
  });
});

test("IPv6 that ends at the host is a note", async () => {
  const six = { addresses: [address(2, "fd00::2/64")], routes: [route("::/0", 2, "fd00::1")] };
  assert.deepEqual(said(await find("ipv6-half", { network: { ipv6: true }, web: more(six) })), [
    "note: containers on bridge have IPv6 as far as this machine, which has no IPv6 route to anywhere",
  ]);
});
