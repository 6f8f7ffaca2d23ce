/** A frame in one line: IEEE 802.3, and what is in it. Pure; no bytes make it throw, or give a control character. */
import { macFromBytes } from "../../lib/ip.ts";
import { ETHERTYPE } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import type { NameOf } from "../names.ts";
import { describeArp } from "./arp.ts";
import { describeIp4 } from "./ip4.ts";
import { describeIp6 } from "./ip6.ts";
import { CUT, hex } from "./text.ts";

const HEADER = 14;
const TAG = 4;
/** Below it the field is a length, and LLC follows. */
const LEAST_TYPE = 0x0600;
/** Where bridges speak with each other, and nobody else: IEEE 802.1D. */
const BRIDGES = "01:80:c2:00:00:00";

/** `ARP who-has 172.17.0.3 tell web`, `IP web.34567 > db.80: Flags [S], …`, by what begins with an Ethernet header. */
export function describeEthernet(frame: Uint8Array, nameOf: NameOf): string {
  if (frame.length < HEADER) return `Ethernet ${CUT}`;
  const type = viewOf(frame).getUint16(12);
  return describeType(frame, type, HEADER, nameOf);
}

function describeType(frame: Uint8Array, type: number, at: number, nameOf: NameOf): string {
  const payload = frame.subarray(at);
  if (type === ETHERTYPE.ip) return describeIp4(payload, nameOf);
  if (type === ETHERTYPE.ip6) return describeIp6(payload, nameOf);
  if (type === ETHERTYPE.arp) return describeArp(payload, nameOf);
  const tagged = type === ETHERTYPE.vlan || type === ETHERTYPE.providerVlan;
  if (tagged && payload.length < TAG) return `vlan ${CUT}`;
  if (tagged) {
    const view = viewOf(payload);
    const id = view.getUint16(0) & 0xfff;
    return `vlan ${id}, ${describeType(frame, view.getUint16(2), at + TAG, nameOf)}`;
  }
  const [to, from] = [macFromBytes(frame.subarray(0, 6)), macFromBytes(frame.subarray(6, 12))];
  if (type < LEAST_TYPE) return to === BRIDGES ? `STP from ${from}` : `802.3 ${from} > ${to}, length ${type}`;
  return `${from} > ${to}, ethertype ${hex(type, 4)}`;
}

/** By what begins with an IP header: tunnels carry that. */
export function describeRaw(packet: Uint8Array, nameOf: NameOf): string {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) return describeIp4(packet, nameOf);
  if (version === 6) return describeIp6(packet, nameOf);
  return packet.length === 0 ? CUT : `no IP packet: version ${version}`;
}
