/** ICMPv6, RFC 4443; neighbour discovery, RFC 4861; multicast listeners, RFC 3810. */
import { addressFromBytes, macFromBytes } from "../../lib/ip.ts";
import { viewOf } from "../../linux/bytes.ts";
import { type Around, called, ends } from "./around.ts";
import { CUT } from "./text.ts";

const HEADER = 8;
const [UNREACHABLE, TOO_BIG, TIME_EXCEEDED, PARAMETER, ECHO, ECHO_REPLY] = [1, 2, 3, 4, 128, 129];
const [ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, SOLICITATION, ADVERTISEMENT, REDIRECT] = [
  133, 134, 135, 136, 137,
];
const UNREACHABLE_CODES: Readonly<Record<number, string>> = {
  0: "no route",
  1: "administratively prohibited",
  2: "beyond scope",
  3: "address unreachable",
  4: "port unreachable",
  5: "source address failed policy",
  6: "route rejected",
};
const PLAIN: Readonly<Record<number, string>> = {
  130: "multicast listener query",
  131: "multicast listener report",
  132: "multicast listener done",
  143: "multicast listener report v2",
};
/** Of an option that tells a link's address: whose, and how long it is in units of 8 bytes. */
const LINK_ADDRESS: ReadonlySet<number> = new Set([1, 2]);

/** `a > b: ICMP6 neighbor solicitation, who has fd00::3, length 32`. */
export function describeIcmp6(bytes: Uint8Array, around: Around): string {
  const what = bytes.length < HEADER ? CUT : messageOf(bytes, around);
  return `${ends(around)}: ICMP6 ${what}, length ${around.length}`;
}

function messageOf(bytes: Uint8Array, around: Around): string {
  const view = viewOf(bytes);
  const [type, code] = [view.getUint8(0), view.getUint8(1)];
  switch (type) {
    case ECHO:
    case ECHO_REPLY: {
      const which = type === ECHO ? "request" : "reply";
      return `echo ${which}, id ${view.getUint16(4)}, seq ${view.getUint16(6)}`;
    }
    case UNREACHABLE:
      return `${aboutOf(bytes, around)}${UNREACHABLE_CODES[code] ?? `unreachable, code ${code}`}`;
    case TOO_BIG:
      return `${aboutOf(bytes, around)}packet too big, mtu ${view.getUint32(4)}`;
    case TIME_EXCEEDED:
      return `${aboutOf(bytes, around)}time exceeded ${code === 0 ? "in transit" : "in reassembly"}`;
    case PARAMETER:
      return `parameter problem at byte ${view.getUint32(4)}`;
    case ROUTER_SOLICITATION:
      return "router solicitation";
    case ROUTER_ADVERTISEMENT:
      return `router advertisement, lifetime ${view.getUint16(6)} s`;
    case SOLICITATION:
      return `neighbor solicitation, who has ${targetOf(bytes, around)}`;
    case ADVERTISEMENT:
      return `neighbor advertisement, ${targetOf(bytes, around)}${linkAddressOf(bytes.subarray(24))}`;
    case REDIRECT:
      return `redirect to ${targetOf(bytes, around)}`;
    default:
      return PLAIN[type] ?? `type ${type}, code ${code}`;
  }
}

/** The destination of the packet that the message is about: `fd00::3 `, or nothing. */
function aboutOf(bytes: Uint8Array, { nameOf }: Around): string {
  const address = bytes.subarray(HEADER + 24, HEADER + 40);
  return address.length === 16 ? `${called(nameOf, addressFromBytes(address))} ` : "";
}

function targetOf(bytes: Uint8Array, { nameOf }: Around): string {
  const address = bytes.subarray(HEADER, HEADER + 16);
  return address.length === 16 ? called(nameOf, addressFromBytes(address)) : CUT;
}

/** ` is-at 02:42:…`, of the first option that tells one. */
function linkAddressOf(options: Uint8Array): string {
  for (let at = 0; at + 8 <= options.length; ) {
    const size = (options[at + 1] ?? 0) * 8;
    if (size === 0) break;
    const isAddress = LINK_ADDRESS.has(options[at] ?? 0);
    if (isAddress) return ` is-at ${macFromBytes(options.subarray(at + 2, at + 8))}`;
    at += size;
  }
  return "";
}
