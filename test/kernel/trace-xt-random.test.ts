/**
 * The reading of xtables against the kernel: random rules, random packets that are really sent, and what each rule counted
 * compared with whether it is said to be met.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { after, test } from "node:test";
import fc from "fast-check";
import type { Family, Mac } from "../../src/lib/ip.ts";
import { PROTOCOL } from "../../src/lib/protocols.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import { openPacketSocket } from "../../src/linux/packet-socket.ts";
import { readXtables } from "../../src/linux/xtables/read.ts";
import type { XtTable } from "../../src/linux/xtables/types.ts";
import { stagesOf } from "../../src/trace/firewall/stages.ts";
import type { ConnectionView, Outcome, RouteView, Surroundings } from "../../src/trace/firewall/types.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";
import { makePacket } from "../../src/trace/packet/make.ts";
import { echoIdentifierOf, icmpOf, tcpFlagsOf } from "../../src/trace/packet/packet.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { isolated } from "../support/isolated.ts";
import { LINKS, namespaceWith, newConnection } from "./trace-nft-fixture.ts";
import { packets } from "./trace-nft-random.ts";
import { tables } from "./trace-xt-random.ts";

isolated(import.meta);

/** The same cases each time; others with SEED=N. */
const SEED = Number(process.env.SEED ?? 1);

const wire = openPacketSocket({ ifindex: LINKS.lo, protocol: 0 });
after(() => wire.close());

const NO_MAC = "00:00:00:00:00:00" as Mac;
const [SYN, ACK] = [2, 16];
const [ECHO_REPLY, ECHO_REPLY_6] = [0, 129];

for (const family of [4, 6] as const) {
  test(`of IPv${family}, the rules that a packet meets are those that count it`, () => {
    let decided = 0;
    let met = 0;
    const sent = packets.filter(({ source }) => source.family === family);
    fc.assert(
      fc.property(tables(family), fc.array(sent, { minLength: 4, maxLength: 6 }), (text, specs) => {
        restore(family, text);
        let table = mangle(family);
        const written = fromIptablesSave(text, family)[0];
        assert.deepEqual(countless(table), written && countless(written));
        for (const spec of specs) {
          const packet = makePacket({ ...spec, ethernet: { source: NO_MAC, destination: NO_MAC } });
          wire.send(packet.bytes, LINKS.lo);
          const now = mangle(family);
          const counted = countedBetween(table, now);
          assert.deepEqual(metBy(table, packet), counted);
          decided += ruleCount(now);
          met += counted.length;
          table = now;
        }
      }),
      { seed: SEED, numRuns: 25 },
    );
    assert.ok(decided >= 2000, `${decided} rules were asked`);
    assert.ok(met * 20 > decided, `${met} of ${decided} were met`);
  });
}

function restore(family: Family, text: string): void {
  const command = family === 4 ? "iptables-legacy-restore" : "ip6tables-legacy-restore";
  const { status, stderr } = spawnSync(command, { input: text, encoding: "utf8" });
  assert.equal(status, 0, `${stderr}\n${text}`);
}

function mangle(family: Family): XtTable {
  const table = readXtables().find((each) => each.family === family && each.name === "mangle");
  assert.ok(table);
  return table;
}

/** Rules by chain and number, in the order of their chains. */
const rulesOf = (table: XtTable) =>
  [...table.chains.values()].flatMap((chain) =>
    chain.rules.map((rule) => ({ name: `${chain.name} ${rule.number}`, rule })),
  );

const ruleCount = (table: XtTable): number => rulesOf(table).length;

/** A chain that is called twice counts twice. */
function countedBetween(before: XtTable, after: XtTable): string[] {
  const counts = new Map(rulesOf(before).map(({ name, rule }) => [name, rule.packets]));
  return rulesOf(after)
    .flatMap(({ name, rule }) => Array<string>(Number(rule.packets - (counts.get(name) ?? 0n))).fill(name))
    .sort();
}

const countless = (table: XtTable) =>
  new Map(
    rulesOf(table).map(({ name, rule: { packets: _, ...rule } }) => [
      name,
      // Of those that stay words, the words are all there is to compare.
      { ...rule, matches: rule.matches.map((match) => (isOpaque(match.name) ? match.name : match)) },
    ]),
  );
const isOpaque = (name: string): boolean => name === "frag";

/** Said to be met. Every rule here can be decided. */
function metBy(table: XtTable, packet: Packet): string[] {
  const around: Surroundings = {
    namespace: { ...namespaceWith(EMPTY_RULESET), xtables: [table] },
    layer: table.family === 4 ? "ip" : "ip6",
    hook: "prerouting",
    in: LINKS.lo,
    packetType: 0,
    routes: NOWHERE,
    ...(begins(packet) && { connection: connectionOf(packet) }),
  };
  const [stage, ...others] = stagesOf(around.namespace, around.layer, "prerouting");
  assert.ok(stage && others.length === 0);
  const [outcome, ...more] = stage.run(packet, around);
  assert.ok(outcome && more.length === 0);
  return namesOf(outcome).sort();
}

/** Nothing here has an address but `lo`. */
const NOWHERE: RouteView = {
  addressType: () => RTN_UNICAST,
  outputLink: () => undefined,
  macOf: () => undefined,
};
const RTN_UNICAST = 1;

/** Of ICMP, the ports of its tuples are the identifier, and type and code. */
function connectionOf(packet: Packet): ConnectionView {
  const connection = newConnection(packet);
  const icmp = icmpOf(packet);
  if (!icmp) return connection;
  const identifier = echoIdentifierOf(packet) ?? 0;
  const answer = packet.protocol === PROTOCOL.icmp ? ECHO_REPLY : ECHO_REPLY_6;
  const ports = (type: number) => ({ sourcePort: identifier, destinationPort: type * 256 + icmp.code });
  return {
    ...connection,
    original: { ...connection.original, ...ports(icmp.type) },
    reply: { ...connection.reply, ...ports(answer) },
  };
}

const namesOf = ({ met }: Outcome): string[] =>
  met.flatMap(({ rule }) =>
    rule.in === "xtables" && rule.number !== undefined ? [`${rule.chain} ${rule.number}`] : [],
  );

/** What no connection begins with, to tracking, is invalid. Tracking is there, since rules ask for it; or nobody asks. */
function begins(packet: Packet): boolean {
  const flags = tcpFlagsOf(packet);
  if (flags !== undefined) return flags === SYN || flags === ACK;
  const type = icmpOf(packet)?.type;
  return type !== ECHO_REPLY && type !== ECHO_REPLY_6;
}
