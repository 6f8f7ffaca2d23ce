/** What is watched in one namespace: what its links carry, and what its rules say. */
import { messageOf } from "../../lib/errors.ts";
import type { Address, Family } from "../../lib/ip.ts";
import { addressFromBytes } from "../../lib/ip.ts";
import { ETHERTYPE, PROTOCOL } from "../../lib/protocols.ts";
import { patternFilter } from "../../linux/bpf/classic.ts";
import type { Pattern } from "../../linux/bpf/pattern.ts";
import { closeApart } from "../../linux/close-apart.ts";
import { MulticastSocket } from "../../linux/netlink/multicast.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../linux/netlink/socket.ts";
import { inFoundNamespace } from "../../linux/netns.ts";
import { NFNLGRP_NFTRACE, readTraceMessage, type TraceMessage } from "../../linux/nftables/trace-message.ts";
import { traceMatching } from "../../linux/nftables/trace-table.ts";
import { type Frame, openPacketSocket, type PacketSocket } from "../../linux/packet-socket.ts";
import type { Namespace } from "../../observe/types.ts";
import { parseBare, parseFrame } from "../packet/parse.ts";
import type { Packet } from "../packet/types.ts";
import { type Marks, type Meaning, meaningOf } from "./marks.ts";

/** A frame of the probe's, or of who has an address. */
export interface FrameSeen {
  readonly kind: "frame";
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint;
  readonly ifindex: number;
  readonly way: "in" | "out";
  readonly packet: Packet;
  readonly meaning: Meaning;
}

/** Somebody asks whose an address is, or is told. */
export interface Asked {
  readonly kind: "asked" | "told";
  readonly address: Address;
  readonly way: "in" | "out";
}

export type Noticed = FrameSeen | Asked | { readonly kind: "trace"; readonly message: TraceMessage };

/** Bytes kept of a frame: headers, and what an error quotes. */
const KEPT = 256;
const ETHERNET_LIKE = new Set([1, 772]);
const [ARP_REQUEST, ARP_REPLY] = [1, 2];
const [SOLICITATION, ADVERTISEMENT] = [135, 136];
const NEIGHBOURS: readonly Pattern[] = [SOLICITATION, ADVERTISEMENT].map((type) => ({
  protocol: PROTOCOL.icmp6,
  fields: [{ offset: 0, bytes: Uint8Array.of(type) }],
}));

export class Vantage {
  readonly namespace: Namespace;
  /** What can't be seen from here, a sentence each. */
  readonly blind: string[] = [];
  readonly #marks: Marks;
  #packets: PacketSocket | undefined;
  #traces: MulticastSocket | undefined;
  #owner: NetlinkSocket | undefined;

  /** Begins to watch. What can't be watched is said in `blind`. @param table unique among all who trace */
  constructor(namespace: Namespace, family: Family, marks: Marks, table: string) {
    this.namespace = namespace;
    this.#marks = marks;
    this.#attempt(`${namespace.name} is not watched`, () =>
      inFoundNamespace(namespace, () => {
        const filter = patternFilter(family, family === 6 ? [...marks.all, ...NEIGHBOURS] : marks.all, KEPT);
        this.#attempt(`what links of ${namespace.name} carry is not seen`, () => {
          this.#packets = openPacketSocket({ filter });
        });
        this.#attempt(`rules of ${namespace.name} are not traced`, () => this.#trace(table));
      }),
    );
  }

  /** What was noticed since it was last asked, of each source in its order. */
  read(): Noticed[] {
    const noticed: Noticed[] = [];
    const onFrame = (frame: Frame) => {
      const one = this.#understand(frame);
      if (one) noticed.push(one);
    };
    while ((this.#packets?.receiveMany(onFrame) ?? 0) > 0);
    for (;;) {
      const messages = this.#traces?.receive() ?? "later";
      if (messages === "later") return noticed;
      if (messages === "lost") {
        this.blind.push(`some of what rules of ${this.namespace.name} told was lost`);
        continue;
      }
      for (const one of messages) {
        const message = readTraceMessage(one);
        if (message) noticed.push({ kind: "trace", message });
      }
    }
  }

  /** The table goes with its socket. */
  async close(): Promise<void> {
    this.#traces?.close();
    const descriptors = [this.#packets?.fd, this.#owner?.release()].filter((fd) => fd !== undefined);
    this.#traces = undefined;
    this.#packets = undefined;
    this.#owner = undefined;
    await closeApart(descriptors);
  }

  #attempt(failed: string, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.blind.push(`${failed}: ${messageOf(thrown)}`);
    }
  }

  #trace(table: string): void {
    const { name, nft, xtables } = this.namespace;
    if (xtables.some(({ chains }) => [...chains.values()].some(({ rules }) => rules.length > 0)))
      this.blind.push(`rules of iptables-legacy in ${name} don't tell of what they match`);
    const families = new Set(nft.tables.map(({ family }) => family));
    if (families.has("netdev"))
      this.blind.push(`rules of netdev tables in ${name} are asked before tracing begins`);
    const asked = (["inet", "bridge"] as const).filter((family) =>
      family === "bridge"
        ? families.has("bridge")
        : (["inet", "ip", "ip6", "bridge"] as const).some((one) => families.has(one)),
    );
    if (asked.length === 0) return;
    this.#traces = new MulticastSocket(NETLINK_NETFILTER, [NFNLGRP_NFTRACE]);
    this.#owner = new NetlinkSocket(NETLINK_NETFILTER);
    for (const family of asked) traceMatching(this.#owner, family, table, this.#marks.all);
  }

  #understand({ at, bytes, hardware, ifindex, way }: Frame): FrameSeen | Asked | undefined {
    const packet = ETHERNET_LIKE.has(hardware)
      ? parseFrame(Uint8Array.from(bytes))
      : parseBare(Uint8Array.from(bytes));
    if (!packet) return undefined;
    const meaning = meaningOf(this.#marks, packet);
    if (meaning) return { kind: "frame", at, ifindex, way, packet, meaning };
    return neighbourTalk(packet, way);
  }
}

/** RFC 826, RFC 4861 sections 4.3 and 4.4. */
function neighbourTalk(
  { bytes, network, etherType, transport, protocol }: Packet,
  way: "in" | "out",
): Asked | undefined {
  const address = (at: number, length: number) => addressFromBytes(bytes.subarray(at, at + length));
  if (etherType === ETHERTYPE.arp && bytes.length >= network + 28) {
    const operation = bytes[network + 7];
    if (operation === ARP_REQUEST) return { kind: "asked", address: address(network + 24, 4), way };
    if (operation === ARP_REPLY) return { kind: "told", address: address(network + 14, 4), way };
  }
  if (protocol !== PROTOCOL.icmp6 || transport === undefined || bytes.length < transport + 24)
    return undefined;
  const type = bytes[transport];
  if (type !== SOLICITATION && type !== ADVERTISEMENT) return undefined;
  return { kind: type === SOLICITATION ? "asked" : "told", address: address(transport + 8, 16), way };
}
