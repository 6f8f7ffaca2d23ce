/** IPv6 packets in Ethernet frames, whole, broken up and disguised. */
import { type Address, addressBytes, type Mac, macBytes } from "../../src/lib/ip.ts";
import { checksum, frame, u16 } from "./network-frames.ts";

/** IANA protocol numbers: extension headers, and what they lead to. */
export const NEXT = { hopByHop: 0, udp: 17, fragment: 44, icmp6: 58, destination: 60 } as const;

/** A header or a payload, and by which number it is announced. */
export interface Part {
  readonly next: number;
  readonly bytes: Uint8Array;
}

const ETH_P_IPV6 = 0x86dd;

export interface Ends {
  readonly from: Address;
  readonly to: Address;
  readonly hopLimit?: number;
}

/** RFC 8200: a packet of these parts, each of which but the last begins with room for the number of the next. */
export function ipv6(to: Mac, from: Mac, ends: Ends, ...parts: readonly Part[]): Buffer {
  const chained = parts.map(({ bytes }, index) => {
    const following = parts[index + 1];
    return following ? Buffer.concat([Uint8Array.of(following.next), bytes.subarray(1)]) : Buffer.from(bytes);
  });
  const payload = Buffer.concat(chained);
  const header = Buffer.alloc(8);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = parts[0]?.next ?? 59;
  header[7] = ends.hopLimit ?? 255;
  return frame(to, from, ETH_P_IPV6, header, addressBytes(ends.from), addressBytes(ends.to), payload);
}

/** Over the pseudo-header of RFC 8200 section 8.1. */
function summed(ends: Ends, next: number, bytes: Buffer, at: number): Buffer {
  const pseudo = [
    addressBytes(ends.from),
    addressBytes(ends.to),
    u16(0),
    u16(bytes.length),
    u16(0),
    u16(next),
  ];
  bytes.writeUInt16BE(checksum(Buffer.concat([...pseudo, bytes])), at);
  return bytes;
}

export function udp6(ends: Ends, sport: number, dport: number, text: string): Part {
  const data = Buffer.from(text.padEnd(text.length + (text.length % 2)));
  const bytes = Buffer.concat([u16(sport), u16(dport), u16(8 + data.length), u16(0), data]);
  return { next: NEXT.udp, bytes: summed(ends, NEXT.udp, bytes, 6) };
}

/** RFC 4443; RFC 4861 for neighbour discovery. */
export const ICMP6 = {
  echoRequest: 128,
  listenerReport2: 143,
  routerSolicit: 133,
  routerAdvert: 134,
  neighbourSolicit: 135,
  neighbourAdvert: 136,
  redirect: 137,
} as const;

export function icmp6(ends: Ends, type: keyof typeof ICMP6, ...body: readonly Uint8Array[]): Part {
  const bytes = Buffer.concat([Uint8Array.of(ICMP6[type], 0, 0, 0), ...body]);
  return { next: NEXT.icmp6, bytes: summed(ends, NEXT.icmp6, bytes, 2) };
}

/** RFC 4861 section 4.6.1: a link-layer address option. */
export const linkLayer = (of: "source" | "target", mac: Mac): Uint8Array =>
  Buffer.concat([Uint8Array.of(of === "source" ? 1 : 2, 1), macBytes(mac)]);

/** RFC 3971 section 5.3.2, as duplicate address detection uses it (RFC 7527). */
export const NONCE = Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6);

export const solicit = (ends: Ends, target: Address, ...options: readonly Uint8Array[]): Part =>
  icmp6(ends, "neighbourSolicit", Buffer.alloc(4), addressBytes(target), ...options);

/** Solicited, and to override what is known. */
export const advertise = (ends: Ends, target: Address, ...options: readonly Uint8Array[]): Part =>
  icmp6(ends, "neighbourAdvert", Uint8Array.of(0x60, 0, 0, 0), addressBytes(target), ...options);

/** An empty options header of 8 bytes times `units`, padded (PadN). */
export function options(next: number, units = 1): Part {
  const bytes = Buffer.alloc(8 * units);
  bytes[1] = units - 1;
  for (let at = 2; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, 255);
    bytes[at] = 1;
    bytes[at + 1] = length - 2;
    at += length;
  }
  return { next, bytes };
}

/** RFC 8200 section 4.5; `offset` in units of 8 bytes. */
export function fragment(offset: number, more: boolean): Part {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2);
  bytes.writeUInt32BE(0x1234, 4);
  return { next: NEXT.fragment, bytes };
}
