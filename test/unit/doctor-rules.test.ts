/** Checks that walk through rules, on Docker's host: what iptables-save(8) prints of it, and one thing changed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePrefix } from "../../src/lib/ip.ts";
import type { NamespaceId } from "../../src/observe/types.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";
import {
  address,
  BRIDGE,
  type Changes,
  container,
  DOCKERS,
  dockersAnd,
  HOST,
  link,
  namespace,
  PORT,
  route,
  said,
  withLink,
  withSysctls,
} from "../support/doctor-lab.ts";
import { listening, PUBLISHED } from "./doctor-cases.ts";
import { both, find, more, only } from "./doctor-host.ts";

const LED = "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80";
const led = dockersAnd({ nat: LED });
const serving = only({ sockets: [listening(80)] });
const web: Changes = { webContainer: PUBLISHED, web: serving };

describe("translation", () => {
  test("nothing leaves under an address of the host's", async () => {
    const xtables = fromIptablesSave("*filter\n:DOCKER -\nCOMMIT\n*nat\n:DOCKER -\nCOMMIT\n", 4);
    const [found] = await find("untranslated-out", { host: only({ xtables }) });
    assert.equal(
      `${found?.severity}: ${found?.title}`,
      "broken: containers web and db get no answers from other hosts: what they send leaves by eth0 under their own addresses",
    );
    assert.equal(
      found?.fixes[0]?.command,
      "iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    );
    const asked = { options: { "com.docker.network.bridge.enable_ip_masquerade": "false" } };
    assert.deepEqual(await find("untranslated-out", { host: only({ xtables }), network: asked }), []);
  });

  test("a port that no rule leads to its container", async () => {
    assert.deepEqual(said(await find("untranslated-in", web)), [
      "broken: port 8080/tcp of web is not led to it by any rule: whoever comes by eth0 is refused",
    ]);
    const proxied = only({ sockets: [listening(8080)] });
    assert.deepEqual(said(await find("untranslated-in", { ...web, host: proxied })), [
      "risk: port 8080/tcp of web is not led to it by any rule: whoever comes by eth0 gets a program of this machine",
    ]);
    assert.deepEqual(await find("untranslated-in", { ...web, host: only({ xtables: led }) }), []);
  });

  test("engines that were told to leave rules alone", async () => {
    const readText = (path: string) =>
      path === "/etc/docker/daemon.json" ? '{"iptables": false}' : undefined;
    assert.deepEqual(await find("untranslated-in", web, { readText }), []);
    assert.deepEqual(await find("untranslated-out", {}, { readText }), []);
  });
});

describe("a container's own port", () => {
  const BENT = `${LED.replace("! -i docker0 ", "")}\n-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -j MASQUERADE`;
  const xtables = dockersAnd({ nat: BENT });

  // Only frames that br_netfilter shows to iptables are still on the bridge when they are translated.
  const shown = both(only({ xtables }), withSysctls({ "net.bridge.bridge-nf-call-iptables": "1" }));
  const straight = withLink("vethweb", { port: { ...PORT, hairpin: false } });

  test("by a bridge's port that is not in hairpin mode", async () => {
    const [found] = await find("way-hairpin", { ...web, host: both(shown, straight) });
    assert.match(
      `${found?.severity}: ${found?.title}`,
      /^risk: web does not reach its own port 8080\/tcp by this machine's address: .*that port is not in hairpin mode$/,
    );
    assert.equal(found?.fixes[0]?.command, "bridge link set dev vethweb hairpin on");
  });

  test("by one that is, or by the host's own routing", async () => {
    assert.deepEqual(await find("way-hairpin", { ...web, host: shown }), []);
    assert.deepEqual(await find("way-hairpin", { ...web, host: both(only({ xtables }), straight) }), []);
  });

  test("under its own address", async () => {
    const plain = dockersAnd({ nat: LED.replace("! -i docker0 ", "") });
    assert.match(
      said(await find("way-hairpin", { ...web, host: only({ xtables: plain }) }))[0] ?? "",
      /^risk: web does not reach/,
    );
  });

  test("by a proxy", async () => {
    const host = only({ xtables: led, sockets: [listening(8080)] });
    assert.deepEqual(await find("way-hairpin", { ...web, host }), []);
  });
});

describe("what is open", () => {
  const ufw =
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP";

  test("ports that are not published, for neighbours with a route", async () => {
    assert.deepEqual(said(await find("exposed-addresses", { web: serving })), [
      "risk: whoever is on the network of eth0 reaches ports of containers on bridge that are not published, as 80/tcp of web",
    ]);
    const closed = dockersAnd({ filter: "-A FORWARD ! -i docker0 -o docker0 -j DROP" });
    assert.deepEqual(await find("exposed-addresses", { web: serving, host: only({ xtables: closed }) }), []);
    assert.deepEqual(await find("exposed-addresses", { ...web }), []);
  });

  test("published ports, past a firewall", async () => {
    const xtables = dockersAnd({ filter: ufw, nat: LED });
    assert.deepEqual(said(await find("past-firewall", { ...web, host: only({ xtables }) })), [
      "note: published ports of container web are open by eth0, whatever the host's firewall says of them (table filter, chain INPUT)",
    ]);
    assert.deepEqual(await find("past-firewall", { ...web, host: only({ xtables: led }) }), []);
  });

  test("one network for another", async () => {
    const other = {
      ...BRIDGE,
      id: "net2",
      name: "other",
      bridge: "br0",
      subnets: [{ subnet: parsePrefix("172.18.0.0/16") }],
    };
    const of = container("app", "172.18.0.2", {
      endpoints: [
        {
          network: "other",
          networkId: "net2",
          addresses: [parsePrefix("172.18.0.2/16")],
          gateways: [],
          aliases: [],
        },
      ],
    });
    const app = namespace(7 as NamespaceId, "app", {
      container: of,
      links: [link(2, "eth0", { kind: "veth", other: { ifindex: 9, namespace: HOST } })],
      addresses: [address(2, "172.18.0.2/16")],
      routes: [route("0.0.0.0/0", 2, "172.18.0.1"), route("172.18.0.0/16", 2)],
    });
    const host = more({
      links: [
        link(8, "br0", { kind: "bridge" }),
        link(9, "vethapp", { kind: "veth", master: 8, port: PORT, other: { ifindex: 2, namespace: app.id } }),
      ],
      addresses: [address(8, "172.18.0.1/16")],
      routes: [route("172.18.0.0/16", 8)],
    });
    const changes: Changes = { host, more: [app], engine: { networks: [BRIDGE, other] } };
    const found = said(await find("isolation-missing", changes));
    assert.equal(found.length, 1);
    assert.match(
      found[0] ?? "",
      /^broken: networks bridge and other are not kept apart: \w+ reaches app at its own address$/,
    );
    const apart = dockersAnd({
      filter: "-A FORWARD -i docker0 -o br0 -j DROP\n-A FORWARD -i br0 -o docker0 -j DROP",
    });
    assert.deepEqual(
      await find("isolation-missing", { ...changes, host: both(host, only({ xtables: apart })) }),
      [],
    );
  });
});

describe("packets that are too large", () => {
  test("and nobody says so", async () => {
    const xtables = dockersAnd({ filter: "-A FORWARD -p icmp -j DROP" });
    assert.deepEqual(said(await find("too-big-dropped", { host: only({ xtables }) })), [
      "risk: containers web and db are not told when a packet is too large for the way: this machine drops ICMP 3/4 (fragmentation needed)",
    ]);
    const open = dockersAnd({
      filter: "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -p icmp -j DROP",
    });
    assert.deepEqual(await find("too-big-dropped", { host: only({ xtables: open }) }), []);
    const echoes = dockersAnd({ filter: "-A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP" });
    assert.deepEqual(await find("too-big-dropped", { host: only({ xtables: echoes }) }), []);
  });

  test("and nobody is heard", async () => {
    const host = withSysctls({ "net.ipv4.ip_no_pmtu_disc": "1" });
    assert.deepEqual(said(await find("too-big-dropped", { host })), [
      "note: this machine does not discover the path MTU: it is switched off",
    ]);
  });
});

test("rules in both firewalls", async () => {
  const nft = {
    generation: 1,
    tables: [
      {
        family: "ip" as const,
        name: "filter",
        handle: 1,
        dormant: false,
        owned: false,
        chains: new Map([
          [
            "FORWARD",
            {
              name: "FORWARD",
              handle: 2,
              base: {
                type: "filter" as const,
                hook: "forward" as const,
                priority: 0,
                policy: "drop" as const,
                devices: [],
              },
              rules: [],
            },
          ],
        ]),
        sets: new Map(),
      },
    ],
  };
  assert.deepEqual(said(await find("mixed-iptables", { host: only({ nft }) })), [
    "risk: iptables' rules are in both of the kernel's firewalls: 2 rules in legacy tables, 0 rules in nftables",
  ]);
  assert.deepEqual(await find("mixed-iptables", { host: only({ nft, xtables: [] }) }), []);
  assert.deepEqual(await find("mixed-iptables", { host: only({ xtables: DOCKERS }) }), []);
});
