/** What an IP packet of either family carries, by its protocol's number: https://www.iana.org/assignments/protocol-numbers. */
import { type Around, ends } from "./around.ts";
import { describeIcmp } from "./icmp.ts";
import { describeIcmp6 } from "./icmp6.ts";
import { describeTcp } from "./tcp.ts";
import { nameFor } from "./text.ts";
import { describeUdp } from "./udp.ts";

type Describe = (bytes: Uint8Array, around: Around) => string;

const DECODERS: Readonly<Record<number, Describe>> = {
  1: describeIcmp,
  6: describeTcp,
  17: describeUdp,
  58: describeIcmp6,
};

const NAMES: Readonly<Record<number, string>> = {
  1: "ICMP",
  2: "IGMP",
  4: "IP in IP",
  6: "TCP",
  17: "UDP",
  41: "IPv6 in IP",
  47: "GRE",
  50: "ESP",
  51: "AH",
  58: "ICMP6",
  59: "nothing",
  132: "SCTP",
};

/** `a.34567 > b.80: Flags [S], …`, `a > b: ICMP echo request, …`, `a > b: GRE, length 60`. */
export function describeTransport(protocol: number, bytes: Uint8Array, around: Around): string {
  const describe = DECODERS[protocol];
  return describe
    ? describe(bytes, around)
    : `${ends(around)}: ${protocolName(protocol)}, length ${around.length}`;
}

export const protocolName = (protocol: number): string => nameFor(NAMES, protocol, "protocol");
