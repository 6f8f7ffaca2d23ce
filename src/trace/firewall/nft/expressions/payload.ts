/** The packet's bytes, net/netfilter/nft_payload.c and nft_exthdr.c. */
import { ETHERTYPE, PROTOCOL } from "../../../../lib/protocols.ts";
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import { withBytes } from "../../../packet/packet.ts";
import { extensionOf6 } from "../../../packet/parse.ts";
import type { Packet } from "../../../packet/types.ts";
import { either, type Machine, type Operation, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

const UDP_HEADER = 8;
const TCP_HEADER = 20;

/** enum nft_payload_bases */
const BASES: readonly ((machine: Machine) => number | undefined)[] = [
  linkLayer,
  ({ packet }) => packet.network,
  ({ packet }) => packet.transport,
  ({ packet }) => innerOf(packet),
];
const BASE_NAMES = ["link-layer", "network", "transport", "inner"];

/** What was made here has no link-layer header until it leaves IP. */
function linkLayer({ packet, around }: Machine): number | undefined {
  const made = (around.layer === "ip" || around.layer === "ip6") && around.in === undefined;
  return packet.network === 0 || made ? undefined : 0;
}

/** Behind the transport's header, of TCP and UDP. */
function innerOf({ bytes, transport, protocol }: Packet): number | undefined {
  if (transport === undefined) return undefined;
  if (protocol === PROTOCOL.udp) return transport + UDP_HEADER;
  const offset = bytes[transport + 12];
  return protocol === PROTOCOL.tcp && offset !== undefined ? transport + (offset >> 4) * 4 : undefined;
}

/**
 * enum nft_payload_attributes { …, NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN,
 * NFTA_PAYLOAD_SREG, … }
 */
export function payload(attributes: Attributes): Operation {
  const base = be32Or0(attributes.get(2));
  const start = BASES[base];
  const [offset, length] = [be32Or0(attributes.get(3)), be32Or0(attributes.get(4))];
  const source = attributes.get(5);
  const place = (machine: Machine): number | undefined => {
    const at = start?.(machine);
    return at === undefined || at + offset + length > machine.packet.bytes.length ? undefined : at + offset;
  };
  if (source) return writing(registerAt(source), length, place, BASE_NAMES[base] ?? "");
  const to = registerAt(attributes.get(1));
  return (machine) => {
    const at = place(machine);
    if (at === undefined) return "break";
    machine.store(to, machine.packet.bytes.subarray(at, at + length));
    return "continue";
  };
}

function writing(
  from: number,
  length: number,
  place: (machine: Machine) => number | undefined,
  header: string,
): Operation {
  return (machine) => {
    const at = place(machine);
    if (at === undefined) return "break";
    const doubt = machine.doubt(from, length);
    if (doubt !== undefined) {
      const assuming = `${doubt} is what the ${header} header has already`;
      return { ways: [{ assuming, go: () => "continue" }] };
    }
    machine.packet = withBytes(machine.packet, at, machine.load(from, length));
    machine.do(`write the ${header} header`);
    return "continue";
  };
}

/** enum nft_exthdr_op, NFT_EXTHDR_F_PRESENT */
const OPTION_OF_TCP = 1;
const HEADER_OF_IP6 = 0;
const OPTION_OF_IP4 = 2;
const PRESENT = 1;

/**
 * enum nft_exthdr_attributes { …, NFTA_EXTHDR_DREG, NFTA_EXTHDR_TYPE, NFTA_EXTHDR_OFFSET, NFTA_EXTHDR_LEN,
 * NFTA_EXTHDR_FLAGS, NFTA_EXTHDR_OP, NFTA_EXTHDR_SREG }
 */
export function exthdr(attributes: Attributes): Operation {
  const target = attributes.get(1);
  const type = attributes.get(2)?.at(0) ?? 0;
  const [offset, length] = [be32Or0(attributes.get(3)), be32Or0(attributes.get(4))];
  const present = (be32Or0(attributes.get(5)) & PRESENT) !== 0;
  const of = be32Or0(attributes.get(6));
  if (!target) {
    // The segment size above all: no packet takes another way for it.
    return (machine) => {
      machine.do(attributes.has(7) ? "set a TCP option" : "reset a TCP option");
      return "continue";
    };
  }
  const to = registerAt(target);
  return (machine) => {
    const at = OPTIONS[of]?.(machine.packet, type, offset + length);
    if (at === undefined && !decidable(machine.packet, of))
      return either("an option of the packet matches", "no option of the packet matches");
    if (present) machine.store32(to, at === undefined ? 0 : 1);
    else if (at === undefined || at + offset + length > machine.packet.bytes.length) return "break";
    else machine.store(to, machine.packet.bytes.subarray(at + offset, at + offset + length));
    return "continue";
  };
}

const OPTIONS: Readonly<
  Record<number, (packet: Packet, type: number, needed: number) => number | undefined>
> = {
  [HEADER_OF_IP6]: (packet, type) => extensionOf6(packet, type),
  [OPTION_OF_TCP]: tcpOption,
};

/** An IPv4 header of twenty bytes has no options, and what is not SCTP or DCCP none of theirs. */
function decidable({ bytes, network, etherType, protocol }: Packet, of: number): boolean {
  if (of === OPTION_OF_IP4) return etherType !== ETHERTYPE.ip || (bytes[network] ?? 0) === 0x45;
  return of === HEADER_OF_IP6 || of === OPTION_OF_TCP || protocol === undefined || protocol < 33;
}

/** RFC 9293 section 3.1: kinds 0 and 1 are one byte, others say their length. */
function tcpOption({ bytes, transport, protocol }: Packet, kind: number, needed: number): number | undefined {
  if (protocol !== PROTOCOL.tcp || transport === undefined) return undefined;
  const end = transport + ((bytes[transport + 12] ?? 0) >> 4) * 4;
  let at = transport + TCP_HEADER;
  while (at < end - 1 && end <= bytes.length) {
    const found = bytes[at] ?? 0;
    const length = found <= 1 || bytes[at + 1] === 0 ? 1 : (bytes[at + 1] ?? 1);
    if (found === kind) return at + length > end || needed > length ? undefined : at;
    at += length;
  }
  return undefined;
}
