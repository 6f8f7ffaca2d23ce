/** What rule sets of engines make of packets: ours, as docs/rules has them, and those that dockerd and netavark make. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import type { Mac } from "../../src/lib/ip.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import type { NftRuleset } from "../../src/linux/nftables/program.ts";
import { makeArp } from "../../src/trace/packet/make.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { isolated } from "../support/isolated.ts";
import {
  type Asked,
  ask,
  done,
  Firewall,
  LINKS,
  newConnection,
  packetTo,
  tcp,
  udp,
  verdicts,
} from "./trace-nft-fixture.ts";
import { DOCKERD, NETAVARK } from "./trace-nft-peers.ts";

isolated(import.meta);

const firewall = new Firewall();
after(() => firewall.close());

const RULES = "docs/rules";
const load = (file: string): NftRuleset => firewall.load(readFileSync(`${RULES}/${file}`, "utf8"));

const { eth0, br0, veth1111111, docker0, bridge1, lo } = LINKS;
/** As if translated before. */
const published = (packet: Packet) => ({ ...newConnection(packet), status: 32 });

describe("Drawbridge's rules", () => {
  test("every documented rule set is read whole", () => {
    for (const file of readdirSync(RULES)) {
      const { tables, generation } = load(file);
      assert.ok(generation > 1 && tables.length > 0, file);
      for (const table of tables)
        for (const { rules } of table.chains.values())
          for (const { expressions } of rules) assert.ok(expressions.every(({ name }) => name !== ""));
    }
  });

  const rules = load("published.nft");
  const from = (packet: Packet, asked: Asked, wanted: string) =>
    assert.equal(verdicts(ask(rules, packet, asked)), wanted);

  test("a published port is translated, on the address that it was published on", () => {
    const asked = { hook: "prerouting", around: { in: eth0 } } as const;
    const [outcome] = ask(rules, packetTo("203.0.113.2", {}, tcp(8080)), asked);
    assert.deepEqual(
      outcome?.translation?.what === "destination" && outcome.translation.address,
      Uint8Array.of(10, 1, 0, 2),
    );
    assert.deepEqual(outcome?.translation?.ports, [80, 80]);
    assert.equal(outcome?.met.at(-1)?.does, "dnat to 10.1.0.2:80");
    from(packetTo("203.0.113.2", {}, udp(5353)), asked, "accept destination");
    from(packetTo("192.0.2.1", {}, udp(5353)), asked, "accept");
    from(packetTo("198.51.100.1", {}, tcp(8080)), asked, "accept");
    from(packetTo("127.0.0.1", {}, tcp(8080)), asked, "drop");
    from(packetTo("127.0.0.1", {}, tcp(8080)), { ...asked, around: { in: lo } }, "accept destination");
  });

  test("what comes in is admitted where it was translated, and nothing else", () => {
    const around = { in: eth0, out: br0 };
    const web = packetTo("10.1.0.2", {}, tcp(80));
    from(web, { hook: "forward", around }, "drop");
    from(web, { hook: "forward", around: { ...around, connection: published(web) } }, "accept");
    const ssh = packetTo("10.1.0.2", {}, tcp(22));
    from(ssh, { hook: "forward", around: { ...around, connection: published(ssh) } }, "drop");
    const answer = { ...newConnection(ssh), state: "established" } as const;
    from(ssh, { hook: "forward", around: { ...around, connection: answer } }, "accept");
    from(
      packetTo("198.51.100.1", { from: "10.1.0.2" }),
      { hook: "forward", around: { in: br0, out: eth0 } },
      "accept",
    );
  });

  test("what goes out is masqueraded, what stays is not", () => {
    const asked = { hook: "postrouting", around: { in: br0, out: eth0 } } as const;
    from(packetTo("198.51.100.1", { from: "10.1.0.2" }), asked, "accept masquerade");
    from(packetTo("10.1.0.3", { from: "10.1.0.2" }), { ...asked, around: { out: br0 } }, "accept");
  });

  test("a container sends from its own addresses alone", () => {
    const own = { source: "02:42:0a:01:00:02" as Mac, destination: "02:42:0a:01:00:01" as Mac };
    const asked = { layer: "bridge", hook: "prerouting", around: { in: veth1111111 } } as const;
    from(packetTo("198.51.100.1", { from: "10.1.0.2", ethernet: own }), asked, "accept");
    from(packetTo("198.51.100.1", { from: "10.1.0.9", ethernet: own }), asked, "drop");
    const other = { ...own, source: "02:42:0a:01:00:77" as Mac };
    from(packetTo("198.51.100.1", { from: "10.1.0.2", ethernet: other }), asked, "drop");
    from(packetTo("fd00:1::9", { from: "fd00:1::2", ethernet: own }), asked, "accept");
    from(packetTo("fd00:1::9", { from: "fd00:1::3", ethernet: own }), asked, "drop");
    const arp = (mac: Mac, address: string) =>
      makeArp({
        operation: "request",
        sender: { mac, address: parseAddress(address) },
        target: { address: parseAddress("10.1.0.1") },
      });
    from(arp(own.source, "10.1.0.2"), asked, "accept");
    from(arp(own.source, "10.1.0.3"), asked, "drop");
    from(arp(other.source, "10.1.0.2"), asked, "drop");
  });
});

describe("dockerd's rules", () => {
  const rules = firewall.load(DOCKERD);
  const asked = (hook: Asked["hook"], from: number, out?: number): Asked => ({
    ...(hook && { hook }),
    around: { in: from, ...(out !== undefined && { out }) },
  });
  const says = (packet: Packet, how: Asked, wanted: string) =>
    assert.equal(verdicts(ask(rules, packet, how)), wanted);

  test("a published port leads in, another does not", () => {
    const outcomes = ask(rules, packetTo("192.0.2.1", {}, tcp(8080)), asked("prerouting", eth0));
    assert.equal(verdicts(outcomes), "accept destination");
    assert.deepEqual(done(outcomes), ["jump nat-prerouting-and-output", "dnat to 172.18.0.2:80"]);
    says(packetTo("192.0.2.1", {}, tcp(8081)), asked("prerouting", eth0), "accept");
    says(packetTo("172.18.0.2", {}, tcp(80)), asked("prerouting", eth0), "drop");
    says(packetTo("172.18.0.2", {}, tcp(80)), asked("forward", eth0, bridge1), "accept");
    const refused = ask(rules, packetTo("172.18.0.2", {}, tcp(81)), asked("forward", eth0, bridge1));
    assert.deepEqual(done(refused), ["jump filter-forward-in__bridge1", "drop"]);
  });

  test("bridges are kept apart, and reach out", () => {
    const apart = packetTo("172.18.0.2", { from: "172.17.0.2" }, tcp(22));
    says(apart, asked("forward", docker0, bridge1), "drop");
    says(packetTo("172.18.0.3", { from: "172.18.0.2" }), asked("forward", bridge1, bridge1), "accept");
    const out = packetTo("198.51.100.1", { from: "172.18.0.2" });
    says(out, asked("forward", bridge1, eth0), "accept");
    says(out, asked("postrouting", bridge1, eth0), "accept masquerade");
    says(out, asked("postrouting", bridge1, bridge1), "accept");
  });
});

describe("netavark's rules", () => {
  const rules = firewall.load(NETAVARK);

  test("a published port leads in; hairpins are marked, and masqueraded", () => {
    const outside = ask(rules, packetTo("192.0.2.1", {}, tcp(8080)), { hook: "prerouting" });
    assert.equal(verdicts(outside), "accept destination");
    assert.equal(outside[0]?.packet.mark, 0);
    const packet = packetTo("192.0.2.1", { from: "10.88.0.5", mark: 1 }, tcp(8080));
    const inside = ask(rules, packet, { hook: "prerouting" });
    assert.equal(inside[0]?.packet.mark, 0x2001);
    assert.deepEqual(done(inside), [
      "jump NETAVARK-HOSTPORT-DNAT",
      "jump nv_web_dnat",
      "jump NETAVARK-HOSTPORT-SETMARK",
      "set mark 0x2001",
      "dnat to 10.88.0.2:80",
    ]);
    const back = ask(rules, inside[0]?.packet ?? packet, { hook: "postrouting" });
    assert.equal(verdicts(back), "accept masquerade");
    assert.deepEqual(done(back), ["masquerade"]);
  });

  test("networks that are isolated do not reach one another", () => {
    const crossing = packetTo("10.89.0.2", { from: "10.88.0.2" });
    const ask2 = (from: number, out: number) =>
      verdicts(ask(rules, crossing, { hook: "forward", around: { in: from, out } }));
    assert.equal(ask2(docker0, bridge1), "drop");
    assert.equal(ask2(docker0, eth0), "accept");
    const invalid = { ...newConnection(crossing), state: "invalid" } as const;
    const outcomes = ask(rules, crossing, { hook: "forward", around: { out: eth0, connection: invalid } });
    assert.equal(verdicts(outcomes), "drop");
  });
});
