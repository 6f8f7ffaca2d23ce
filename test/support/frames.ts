/** Frames by hand. Of checksums only IPv4's is right: bridges look at that one on their way to the firewall. */
import { addressBytes, parseAddress } from "../../src/lib/ip.ts";

const be16 = (value: number): Buffer => Buffer.of((value >> 8) & 0xff, value & 0xff);
const be32 = (value: number): Buffer => Buffer.concat([be16(value >>> 16), be16(value & 0xffff)]);
const address = (text: string): Uint8Array => addressBytes(parseAddress(text));

export const MACS = Buffer.from("0242ac1100030242ac110002", "hex");

export const ethernet = (type: number, payload: Uint8Array): Buffer =>
  Buffer.concat([MACS, be16(type), payload]);

export const vlan = (id: number, type: number, payload: Uint8Array): Buffer =>
  Buffer.concat([be16(id), be16(type), payload]);

/** RFC 1071. */
function checksum(header: Buffer): Buffer {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return be16(~sum & 0xffff);
}

/** `fragment`: the field with flags and offset. */
export function ip4(
  protocol: number,
  source: string,
  destination: string,
  payload: Uint8Array,
  fragment = 0,
): Buffer {
  const header = Buffer.concat([
    Buffer.of(0x45, 0),
    be16(20 + payload.length),
    be16(1),
    be16(fragment),
    Buffer.of(64, protocol, 0, 0),
    address(source),
    address(destination),
  ]);
  checksum(header).copy(header, 10);
  return Buffer.concat([header, payload]);
}

export const ip6 = (next: number, source: string, destination: string, payload: Uint8Array): Buffer =>
  Buffer.concat([
    be32(0x60000000),
    be16(payload.length),
    Buffer.of(next, 64),
    address(source),
    address(destination),
    payload,
  ]);

export interface Segment {
  readonly ports: readonly [number, number];
  readonly sequence: number;
  readonly acknowledged?: number;
  readonly flags: number;
  /** A multiple of four. */
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
}

export function tcp({ ports, sequence, acknowledged = 0, flags, options, payload }: Segment): Buffer {
  const header = 20 + (options?.length ?? 0);
  return Buffer.concat([
    be16(ports[0]),
    be16(ports[1]),
    be32(sequence),
    be32(acknowledged),
    Buffer.of((header / 4) << 4, flags),
    be16(64240),
    be32(0),
    options ?? new Uint8Array(0),
    payload ?? new Uint8Array(0),
  ]);
}

export const udp = (from: number, to: number, payload: Uint8Array): Buffer =>
  Buffer.concat([be16(from), be16(to), be16(8 + payload.length), be16(0), payload]);

/** `rest`: the four bytes behind the checksum. */
export const icmp = (type: number, code: number, rest: number, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(type, code, 0, 0), be32(rest), payload]);

export const arp = (
  operation: number,
  sender: readonly [string, string],
  target: readonly [string, string],
): Buffer =>
  Buffer.concat([
    Buffer.from("0001080006040000", "hex").fill(operation, 7),
    ...[sender, target].flatMap(([mac, ip]) => [Buffer.from(mac.replaceAll(":", ""), "hex"), address(ip)]),
  ]);
