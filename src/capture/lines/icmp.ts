/** ICMP, RFC 792, and its next-hop MTU of RFC 1191. */
import { addressFromBytes } from "../../lib/ip.ts";
import { viewOf } from "../../linux/bytes.ts";
import { type Around, called, ends } from "./around.ts";
import { CUT } from "./text.ts";

const HEADER = 8;
const [ECHO_REPLY, UNREACHABLE, REDIRECT, ECHO, TIME_EXCEEDED, PARAMETER] = [0, 3, 5, 8, 11, 12];
const [PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED] = [2, 3, 4];
const UNREACHABLE_CODES: Readonly<Record<number, string>> = {
  0: "net unreachable",
  1: "host unreachable",
  5: "source route failed",
  6: "net unknown",
  7: "host unknown",
  9: "net prohibited",
  10: "host prohibited",
  13: "administratively prohibited",
};
const PROTOCOLS: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/** `a > b: ICMP echo request, id 7, seq 1, length 64`. */
export function describeIcmp(bytes: Uint8Array, around: Around): string {
  const what = bytes.length < HEADER ? CUT : messageOf(bytes, around);
  return `${ends(around)}: ICMP ${what}, length ${around.length}`;
}

function messageOf(bytes: Uint8Array, around: Around): string {
  const view = viewOf(bytes);
  const [type, code] = [view.getUint8(0), view.getUint8(1)];
  if (type === ECHO || type === ECHO_REPLY) {
    const which = type === ECHO ? "request" : "reply";
    return `echo ${which}, id ${view.getUint16(4)}, seq ${view.getUint16(6)}`;
  }
  const about = quoted(bytes.subarray(HEADER), around);
  if (type === UNREACHABLE) return `${about.address}${unreachable(code, about, view.getUint16(6))}`;
  if (type === TIME_EXCEEDED) {
    return `${about.address}time exceeded ${code === 0 ? "in transit" : "in reassembly"}`;
  }
  if (type === REDIRECT) {
    const gateway = called(around.nameOf, addressFromBytes(bytes.subarray(4, 8)));
    return `redirect ${about.address}to ${gateway}`;
  }
  if (type === PARAMETER) return `parameter problem at byte ${view.getUint8(4)}`;
  return `type ${type}, code ${code}`;
}

function unreachable(code: number, about: Quoted, mtu: number): string {
  if (code === PORT_UNREACHABLE) return `${about.port} unreachable`;
  if (code === PROTOCOL_UNREACHABLE) return `protocol ${about.protocol} unreachable`;
  if (code === FRAGMENTATION_NEEDED) return `unreachable: need to fragment, mtu ${mtu}`;
  return UNREACHABLE_CODES[code] ?? `unreachable, code ${code}`;
}

interface Quoted {
  /** `172.17.0.3 `, or nothing. */
  readonly address: string;
  readonly protocol: number;
  /** `udp port 80`. */
  readonly port: string;
}

/** Of the packet that the message is about: its header and the first bytes behind it. */
function quoted(bytes: Uint8Array, { nameOf }: Around): Quoted {
  if (bytes.length < 20) return { address: "", protocol: 0, port: "port" };
  const protocol = bytes[9] ?? 0;
  const name = PROTOCOLS[protocol];
  const header = ((bytes[0] ?? 0) & 0xf) * 4;
  const ports = bytes.subarray(header, header + 4);
  return {
    address: `${called(nameOf, addressFromBytes(bytes.subarray(16, 20)))} `,
    protocol,
    port: name && ports.length === 4 ? `${name} port ${viewOf(ports).getUint16(2)}` : "port",
  };
}
