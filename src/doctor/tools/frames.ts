/** Questions for the owner of an address, as a link carries them. */
import { transportChecksum } from "../../lib/checksum.ts";
import {
  type Address,
  addressBytes,
  addressFromBytes,
  type Family,
  type Mac,
  macBytes,
  macFromBytes,
} from "../../lib/ip.ts";
import { ETHERTYPE, PROTOCOL } from "../../lib/protocols.ts";

const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const [SOLICITATION, ADVERTISEMENT] = [135, 136] as const;

/** Of the frames that answer, and those that ask. */
export const protocolOf = (address: Address): number =>
  address.family === 4 ? ETHERTYPE.arp : ETHERTYPE.ip6;

/**
 * An ARP probe (RFC 5227, section 2.1.1), from no address: nobody's table is changed by it. For IPv6, the solicitation of
 * duplicate address detection (RFC 4862, section 5.4.2), which the owner answers to all.
 */
export const question = (address: Address, own: Mac): Uint8Array =>
  address.family === 4 ? arpProbe(address, own) : solicitation(address, own);

/** One who says that an address is his. */
export interface Claim {
  readonly address: Address;
  readonly mac: Mac;
}

/** What a frame says of an address of this family; undefined for one that is no answer. */
export const answerIn = (frame: Uint8Array, family: Family): Claim | undefined =>
  family === 4 ? arpSender(frame) : advertiser(frame);

/**
 * RFC 826: hardware type (2), protocol (2), their lengths (1, 1), operation (2), sender's MAC (6) and address (4),
 * target's MAC (6) and address (4).
 */
function arpProbe(address: Address, own: Mac): Uint8Array {
  const body = Buffer.alloc(28);
  body.set([0, 1, 8, 0, 6, 4, 0, 1]);
  body.set(macBytes(own), 8);
  body.set(addressBytes(address), 24);
  return Buffer.concat([ethernet(BROADCAST, own, ETHERTYPE.arp), body]);
}

function arpSender(frame: Uint8Array): Claim | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  if (bytes.length < 42 || bytes.readUInt16BE(12) !== ETHERTYPE.arp || bytes.readUInt16BE(20) !== 2)
    return undefined;
  return { address: addressFromBytes(bytes.subarray(28, 32)), mac: macFromBytes(bytes.subarray(22, 28)) };
}

/** RFC 4861, section 4.3: type, code, checksum, four bytes that are not used, the target. */
function solicitation(address: Address, own: Mac): Uint8Array {
  const target = addressBytes(address);
  // The solicited-node group ff02::1:ffXX:XXXX (RFC 4291, section 2.7.1), and its MAC (RFC 2464).
  const group = Buffer.from("ff0200000000000000000001ff000000", "hex");
  group.set(target.subarray(13), 13);
  const body = Buffer.alloc(24);
  body[0] = SOLICITATION;
  body.set(target, 8);
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(body.length, 4);
  header.set([PROTOCOL.icmp6, 255], 6);
  header.set(group, 24);
  const sum = transportChecksum(header.subarray(8, 24), group, PROTOCOL.icmp6, body);
  body.writeUInt16BE(sum, 2);
  const to = Uint8Array.of(0x33, 0x33, ...group.subarray(12));
  return Buffer.concat([ethernet(to, own, ETHERTYPE.ip6), header, body]);
}

/** Of an advertisement: its option with the target's MAC, or else who sent the frame. */
function advertiser(frame: Uint8Array): Claim | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  if (bytes.length < 78 || bytes.readUInt16BE(12) !== ETHERTYPE.ip6) return undefined;
  if (bytes[20] !== PROTOCOL.icmp6 || bytes[54] !== ADVERTISEMENT) return undefined;
  const own = bytes[78] === 2 && bytes.length >= 86 ? bytes.subarray(80, 86) : bytes.subarray(6, 12);
  return { address: addressFromBytes(bytes.subarray(62, 78)), mac: macFromBytes(own) };
}

function ethernet(to: Uint8Array, from: Mac, protocol: number): Uint8Array {
  return Uint8Array.of(...to, ...macBytes(from), protocol >> 8, protocol & 0xff);
}
