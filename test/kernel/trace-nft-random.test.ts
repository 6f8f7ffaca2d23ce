/**
 * The interpreter against the kernel: random rule sets, random packets that are really sent, and the counter of each rule
 * compared with how often the interpreter says that it was met.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import process from "node:process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { formatAddress, type Mac } from "../../src/lib/ip.ts";
import type { NftRuleset } from "../../src/linux/nftables/program.ts";
import { openPacketSocket } from "../../src/linux/packet-socket.ts";
import type { Outcome } from "../../src/trace/firewall/types.ts";
import { makePacket } from "../../src/trace/packet/make.ts";
import { icmpOf, tcpFlagsOf, withEthernet } from "../../src/trace/packet/packet.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { isolated } from "../support/isolated.ts";
import { assertSame, metIn } from "./trace-nft-counts.ts";
import { ask, Firewall, LINKS, newConnection } from "./trace-nft-fixture.ts";
import { ADDRESSES, type Datagram, datagrams, packets, rulesetsAt } from "./trace-nft-random.ts";

isolated(import.meta);

/** The same cases each time; others with SEED=N. */
const SEED = Number(process.env.SEED ?? 1);

const { lo } = LINKS;
const NO_MAC = "00:00:00:00:00:00" as Mac;

const firewall = new Firewall();
const wire = openPacketSocket({ ifindex: lo, protocol: 0 });
before(() => {
  const commands = ADDRESSES.map(
    (one) => `addr add ${formatAddress(one)} dev lo${one.family === 6 ? " nodad" : ""}`,
  );
  execFileSync("ip", ["-batch", "-"], { input: commands.join("\n") });
});
after(() => {
  firewall.close();
  wire.close();
});

/** Rules that nothing meets would show nothing. */
function assertTelling(all: readonly { readonly rules: number; readonly met: number }[]): void {
  const rules = all.reduce((sum, one) => sum + one.rules, 0);
  const met = all.reduce((sum, one) => sum + one.met, 0);
  assert.ok(met > rules, `${met} matches in ${rules} rules`);
}

test("frames that come in meet each rule as often as the kernel counts", () => {
  const all: { rules: number; met: number }[] = [];
  const property = fc.property(
    rulesetsAt("prerouting", "prerouting", "prerouting"),
    fc.array(packets, { minLength: 12, maxLength: 20 }),
    (text, specs) => {
      const ruleset = firewall.load(text);
      const sent = specs.map((spec) =>
        makePacket({ ...spec, ethernet: { source: NO_MAC, destination: NO_MAC } }),
      );
      for (const { bytes } of sent) wire.send(bytes, lo);
      all.push(assertSame(metIn(sent.map((packet) => arriving(ruleset, packet))), firewall));
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 80 });
  assertTelling(all);
});

const arriving = (ruleset: NftRuleset, packet: Packet): readonly Outcome[] =>
  ask(ruleset, packet, { hook: "prerouting", around: { in: lo }, tracked: begins(packet) });

/** What no connection begins with is invalid to tracking. */
function begins(packet: Packet): boolean {
  const flags = tcpFlagsOf(packet);
  if (flags !== undefined) return flags === SYN || flags === ACK;
  const type = icmpOf(packet)?.type;
  return type !== ECHO_REPLY && type !== ECHO_REPLY_6;
}
const [SYN, ACK] = [2, 16];
const [ECHO_REPLY, ECHO_REPLY_6] = [0, 129];

test("datagrams of a program here meet each rule on their way out and in as often as the kernel counts", async () => {
  const all: { rules: number; met: number }[] = [];
  const property = fc.asyncProperty(
    rulesetsAt("output", "output", "input"),
    fc.array(datagrams, { minLength: 12, maxLength: 20 }),
    async (text, specs) => {
      const ruleset = firewall.load(text);
      const fresh = specs.map((carries) => ({ ...carries, sourcePort: nextPort() }));
      for (const datagram of fresh) await send(datagram);
      all.push(assertSame(metIn(fresh.map((datagram) => looping(ruleset, packetOf(datagram)))), firewall));
    },
  );
  await fc.assert(property, { seed: SEED, numRuns: 40 });
  assertTelling(all);
});

/** Out by `lo`, and in again: the mark, and the connection's, stay with it. */
function looping(ruleset: NftRuleset, packet: Packet): readonly Outcome[] {
  const connection = newConnection(packet);
  const around = { out: lo, owner: { uid: 0, gid: 0 }, connection };
  const out = ask(ruleset, packet, { hook: "output", around, from: "here" });
  const [left] = out;
  if (!left || out.length > 1 || left.verdict.do !== "accept") return out;
  const tracked = { ...connection, mark: left.connectionMark ?? 0 };
  const arrived = withEthernet(left.packet, NO_MAC, NO_MAC);
  const into = ask(ruleset, arrived, { hook: "input", around: { in: lo, connection: tracked } });
  return into.map((one) => ({ ...one, met: [...left.met, ...one.met] }));
}

let port = 10_000;
/** A connection of its own for each: tracking confirms it on its way out, and knows it from then on. */
const nextPort = (): number => {
  port = port < 60_000 ? port + 1 : 10_000;
  return port;
};

type Sent = Datagram & { readonly sourcePort: number };

const packetOf = ({ source, destination, ...ports }: Sent): Packet =>
  makePacket({ source, destination, carries: { kind: "udp", ...ports } });

async function send({ source, destination, sourcePort, destinationPort, data }: Sent): Promise<void> {
  const socket = createSocket(source.family === 4 ? "udp4" : "udp6");
  socket.bind(sourcePort, formatAddress(source));
  await once(socket, "listening");
  await new Promise<void>((resolve, reject) =>
    socket.send(data, destinationPort, formatAddress(destination), (error) =>
      // What output drops, the program is told.
      !error || ("code" in error && error.code === "EPERM") ? resolve() : reject(error),
    ),
  );
  socket.close();
}
