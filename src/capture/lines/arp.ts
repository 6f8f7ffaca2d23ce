/** ARP, RFC 826, of IPv4 over Ethernet. */
import { addressFromBytes, macFromBytes } from "../../lib/ip.ts";
import { ETHERTYPE } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import type { NameOf } from "../names.ts";
import { called } from "./around.ts";
import { CUT } from "./text.ts";

const SIZE = 28;
const [ETHERNET, MAC_SIZE, ADDRESS_SIZE] = [1, 6, 4];
const [REQUEST, REPLY] = [1, 2];

export function describeArp(bytes: Uint8Array, nameOf: NameOf): string {
  if (bytes.length < SIZE) return `ARP ${CUT}`;
  const view = viewOf(bytes);
  const usual =
    view.getUint16(0) === ETHERNET &&
    view.getUint16(2) === ETHERTYPE.ip &&
    bytes[4] === MAC_SIZE &&
    bytes[5] === ADDRESS_SIZE;
  if (!usual) return `ARP of hardware ${view.getUint16(0)}, protocol ${view.getUint16(2)}`;
  const operation = view.getUint16(6);
  const sender = addressFromBytes(bytes.subarray(14, 18));
  const target = addressFromBytes(bytes.subarray(24, 28));
  if (operation === REPLY)
    return `ARP ${called(nameOf, sender)} is-at ${macFromBytes(bytes.subarray(8, 14))}`;
  if (operation !== REQUEST) return `ARP operation ${operation}`;
  if (sender.bits === 0n) return `ARP probe: who-has ${called(nameOf, target)}`;
  const announced = sender.bits === target.bits;
  if (announced) return `ARP ${called(nameOf, sender)} announced at ${macFromBytes(bytes.subarray(8, 14))}`;
  return `ARP who-has ${called(nameOf, target)} tell ${called(nameOf, sender)}`;
}
