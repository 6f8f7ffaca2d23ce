/** Causes that are rules, an engine's or others', and what to do about them: one case of each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NftChain, NftTable } from "../../src/linux/nftables/program.ts";
import type { NamespaceId, Topology } from "../../src/observe/types.ts";
import type { RuleRef } from "../../src/trace/types.ts";
import { bare, byRule, expect } from "./trace-ended.ts";
import {
  address,
  container,
  DB,
  HOST,
  namespace,
  network,
  nftRule,
  OUTSIDE,
  on,
  WEB,
  world,
} from "./trace-world.ts";

describe("what an engine closes", () => {
  const inbound = byRule(nftRule(HOST, "drawbridge", "inbound", 61));

  test("bridge isolation, in the engine's own words", () => {
    expect(
      { reason: inbound },
      /in namespace host at bridge isolation: net-a may not reach net-b/,
      "drawbridge network connect net-b web",
    );
    const theirs = world({
      engines: [
        {
          kind: "docker",
          socket: "",
          version: "",
          containers: [],
          networks: [network("net-a", "10.1.0.0/24"), network("net-b", "10.2.0.0/24")],
        },
      ],
      web: { engine: "docker" },
      db: { engine: "docker" },
    });
    const stage = byRule({
      in: "nft",
      namespace: HOST,
      family: "ip",
      table: "filter",
      chain: "DOCKER-ISOLATION-STAGE-2",
      handle: 9,
    });
    expect({ reason: stage, topology: theirs }, /at bridge isolation/, "docker network connect net-b web");
  });

  test("icc=false", () => {
    const shut = network("net-a", "10.1.0.0/24", { icc: false });
    const topology = world({
      networks: [shut],
      db: { endpoints: [on("net-a", "10.1.0.3/24")] },
      namespaces: [
        namespace(DB, "db", {
          container: container("db", { endpoints: [on("net-a", "10.1.0.3/24")] }),
          addresses: [address(2, "10.1.0.3/24")],
        }),
      ],
    });
    expect(
      {
        reason: byRule({
          in: "nft",
          namespace: HOST,
          family: "bridge",
          table: "drawbridge-guard",
          chain: "between",
          handle: 4,
        }),
        packet: "10.1.0.2:4 > 10.1.0.3:80",
        topology,
      },
      /at icc=false of network net-a: containers on net-a may not speak with each other/,
      "drawbridge network create together && drawbridge network connect together web && drawbridge network connect together db && drawbridge network disconnect net-a web",
    );
  });

  test("an internal network, whose containers have no route or no leave", () => {
    const networks = [network("net-a", "10.1.0.0/24", { internal: true }), network("net-b", "10.2.0.0/24")];
    const topology = world({ networks });
    const out = { to: ["outside", OUTSIDE] as [string, NamespaceId], packet: "10.1.0.2:4 > 203.0.113.1:80" };
    const sentence = /at internal network net-a: net-a has no way out, and web is on no other network/;
    expect(
      { ...out, at: WEB, reason: bare("no-route"), topology },
      sentence,
      "drawbridge network connect net-b web",
    );
    expect(
      { ...out, reason: byRule(nftRule(HOST, "drawbridge", "inside", 7)), topology },
      sentence,
      "drawbridge network connect net-b web",
    );
  });

  test("from outside, what is not published", () => {
    const outside = {
      from: ["outside", OUTSIDE] as [string, NamespaceId],
      packet: "203.0.113.1:4 > 10.2.0.2:80",
      reason: inbound,
    };
    expect(
      outside,
      /at unpublished ports: 80\/tcp of db is not published/,
      "drawbridge port add db 80:80/tcp",
    );
    const db = { ports: [{ protocol: "tcp" as const, containerPort: 80, host: { port: 8080 } }] };
    expect(
      { ...outside, topology: world({ db }) },
      /closed to those outside/,
      "drawbridge trace outside host:8080/tcp",
    );
  });

  test("host guard, spoof guard, loopback guard", () => {
    expect(
      {
        to: ["host", HOST],
        packet: "10.1.0.2:4 > 10.1.0.1:22",
        reason: byRule(nftRule(HOST, "drawbridge", "guarded", 5)),
      },
      /at host guard of network net-a/,
      "drawbridge network connect bridge web",
    );
    expect(
      {
        packet: "10.1.0.99:4 > 10.2.0.2:80",
        reason: byRule({
          in: "nft",
          namespace: HOST,
          family: "bridge",
          table: "drawbridge-guard",
          chain: "from_ip4",
          handle: 5,
        }),
      },
      /at spoof guard: web sends from 10\.1\.0\.99 at 02:42:0a:01:00:63, which is not its own address/,
      "drawbridge network create --opt drawbridge.spoof-guard=false unguarded",
    );
    expect(
      { packet: "127.0.0.1:4 > 10.2.0.2:80", reason: byRule(nftRule(HOST, "drawbridge", "martians", 5)) },
      /at loopback guard/,
    );
  });
});

describe("what others' rules close", () => {
  const forward = (chain: string, handle?: number): RuleRef => ({
    in: "nft",
    namespace: HOST,
    family: "ip",
    table: "filter",
    chain,
    ...(handle !== undefined && { handle }),
  });
  /** To the outside, so that no engine keeps it apart from anything. */
  const out = { to: ["outside", OUTSIDE] as [string, NamespaceId], packet: "10.1.0.2:4 > 203.0.113.1:80" };

  const withChains = (...names: readonly string[]): Topology => {
    const chain = (name: string): NftChain => ({ name, handle: 1, rules: [] });
    const table: NftTable = {
      family: "ip",
      name: "filter",
      handle: 1,
      dormant: false,
      owned: false,
      sets: new Map(),
      chains: new Map(names.map((name) => [name, chain(name)])),
    };
    const host = world().namespaces.get(HOST);
    assert.ok(host);
    return world({ namespaces: [{ ...host, nft: { generation: 1, tables: [table] } }] });
  };

  test("ufw", () => {
    expect(
      { ...out, reason: byRule(forward("ufw-reject-forward", 3)) },
      /at ufw: it drops what is forwarded for br-net-a/,
      "ufw route allow in on br-net-a; ufw route allow out on br-net-a",
    );
    const policy = {
      ...out,
      reason: byRule(forward("FORWARD")),
      topology: withChains("FORWARD", "ufw-before-forward", "DOCKER"),
    };
    expect(policy, /at ufw/, "ufw route allow in on br-net-a; ufw route allow out on br-net-a");
  });

  test("firewalld", () => {
    const rule = nftRule(HOST, "firewalld", "filter_FORWARD", 3);
    expect(
      { ...out, reason: byRule(rule) },
      /at firewalld/,
      "firewall-cmd --permanent --zone=trusted --add-interface=br-net-a; firewall-cmd --reload",
    );
  });

  test("Docker's policy, where the network is another engine's", () => {
    expect(
      {
        ...out,
        reason: byRule(forward("FORWARD")),
        topology: withChains("FORWARD", "DOCKER", "DOCKER-USER"),
      },
      /at Docker's FORWARD policy/,
      "iptables -I DOCKER-USER -i br-net-a -j ACCEPT; iptables -I DOCKER-USER -o br-net-a -j ACCEPT",
    );
  });

  test("the administrator's table", () => {
    const admin = (chain: string, text?: string) => byRule(nftRule(HOST, "drawbridge-admin", chain, 8, text));
    const to = {
      to: ["host", HOST] as [string, NamespaceId],
      asked: { destination: "203.0.113.2", port: 8080 },
    };
    expect(
      { ...to, reason: admin("published", "meta l4proto . ct original proto-dst @closed drop") },
      /port 8080\/tcp is in set closed of table inet drawbridge-admin/,
      "nft delete element inet drawbridge-admin closed '{ tcp . 8080 }'",
    );
    expect(
      { ...to, reason: admin("entering") },
      /is in set denied4/,
      "nft list set inet drawbridge-admin denied4",
    );
    expect(
      { ...to, reason: admin("user") },
      /chain user closes it/,
      "nft delete rule inet drawbridge-admin user handle 8",
    );
  });

  test("a rule of nobody known, by its handle, number or policy, from where it stands", () => {
    expect(
      { ...out, reason: byRule(nftRule(HOST, "mine", "stop", 4, "tcp dport 80 drop")) },
      /at table inet mine, chain stop: .*\(rule inet mine stop handle 4: tcp dport 80 drop\)/,
      "nft delete rule inet mine stop handle 4",
    );
    expect(
      { ...out, at: DB, reason: byRule(nftRule(DB, "mine", "in")) },
      /in namespace db at table inet mine.*policy of inet mine in\)/,
      "nsenter -t 103 -n nft 'add chain inet mine in { policy accept; }'",
    );
    const old = {
      in: "xtables" as const,
      namespace: HOST,
      family: 4 as const,
      table: "filter",
      chain: "OUTPUT",
    };
    expect(
      { ...out, reason: byRule({ ...old, number: 2 }) },
      /iptables -t filter OUTPUT rule 2/,
      "iptables-legacy -t filter -D OUTPUT 2",
    );
    expect(
      { ...out, reason: byRule(old) },
      /policy of iptables -t filter OUTPUT/,
      "iptables-legacy -t filter -P OUTPUT ACCEPT",
    );
  });
});
