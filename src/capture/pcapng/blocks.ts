/**
 * Blocks of pcapng, draft-ietf-opsawg-pcapng: each stands between its type with its length before, and its length again
 * behind, in whole words of 32 bits. In the machine's own order of bytes, which the section header tells.
 */
import { type Address, addressBytes, type Mac, macBytes, type Prefix } from "../../lib/ip.ts";
import { align4, type Writer } from "../../linux/bytes.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const NAME_RESOLUTION = 4;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LENGTH_AT = 4;
/** -1: the section ends with the file. */
const UNKNOWN_LENGTH = 0xffffffff;

const END_OF_OPTIONS = 0;
const COMMENT = 1;
const [SHB_OS, SHB_APPLICATION] = [3, 4];
const [IF_NAME, IF_DESCRIPTION, IF_IPV4, IF_IPV6, IF_MAC, IF_TSRESOL, IF_FILTER, IF_OS] = [
  2, 3, 4, 5, 6, 9, 11, 12,
];
const EPB_FLAGS = 2;
const [ISB_START, ISB_END, ISB_RECEIVED, ISB_DROPPED] = [2, 3, 4, 5];
const [NRB_IPV4, NRB_IPV6] = [1, 2];

/** 10^-9 s. */
const NANOSECONDS = 9;
/** if_filter begins with what it is written in: 0 is libpcap's syntax. */
const PCAP_SYNTAX = 0;
/** An option's or a record's length has 16 bits. */
const LONGEST_VALUE = 0xffff;

const encoder = new TextEncoder();

/** @returns where the block begins */
function begin(out: Writer, type: number): number {
  const at = out.length;
  out.u32(type).u32(0);
  return at;
}

function end(out: Writer, at: number): void {
  const length = out.length - at + 4;
  out.u32(length).setU32(at + LENGTH_AT, length);
}

function putOption(out: Writer, code: number, value: Uint8Array): void {
  const kept = value.subarray(0, LONGEST_VALUE);
  out.u16(code).u16(kept.length).bytes(kept).pad4();
}

const putText = (out: Writer, code: number, text: string): void => putOption(out, code, encoder.encode(text));

const endOptions = (out: Writer): Writer => out.u16(END_OF_OPTIONS).u16(0);

export interface Section {
  /** `Drawbridge 0.1.0`. */
  readonly application: string;
  /** `Linux 6.18.0`. */
  readonly os: string;
}

/** The file's first block. */
export function putSectionHeader(out: Writer, { application, os }: Section): void {
  const at = begin(out, SECTION_HEADER);
  out.u32(BYTE_ORDER_MAGIC).u16(1).u16(0).u32(UNKNOWN_LENGTH).u32(UNKNOWN_LENGTH);
  putText(out, SHB_OS, os);
  putText(out, SHB_APPLICATION, application);
  end(endOptions(out), at);
}

export interface InterfaceDescription {
  /** LINKTYPE_*. */
  readonly linkType: number;
  readonly snapLength: number;
  readonly name: string;
  readonly description: string;
  readonly comment: string;
  readonly addresses: readonly Prefix[];
  readonly mac?: Mac;
  /** In libpcap's syntax. */
  readonly filter?: string;
  readonly os: string;
}

/** The next interface: packets name it by how many were described before it. */
export function putInterface(out: Writer, described: InterfaceDescription): void {
  const at = begin(out, INTERFACE_DESCRIPTION);
  out.u16(described.linkType).u16(0).u32(described.snapLength);
  putText(out, COMMENT, described.comment);
  putText(out, IF_NAME, described.name);
  putText(out, IF_DESCRIPTION, described.description);
  for (const prefix of described.addresses) putInterfaceAddress(out, prefix);
  if (described.mac !== undefined) putOption(out, IF_MAC, macBytes(described.mac));
  putOption(out, IF_TSRESOL, Uint8Array.of(NANOSECONDS));
  if (described.filter) {
    putOption(out, IF_FILTER, Uint8Array.of(PCAP_SYNTAX, ...encoder.encode(described.filter)));
  }
  putText(out, IF_OS, described.os);
  end(endOptions(out), at);
}

/** An IPv4 address with its netmask, or an IPv6 one with the length of its prefix. */
function putInterfaceAddress(out: Writer, { address, length }: Prefix): void {
  const bytes = addressBytes(address);
  const mask = { family: 4, bits: (0xffffffffn << BigInt(32 - length)) & 0xffffffffn } as const;
  if (address.family === 6) putOption(out, IF_IPV6, Uint8Array.of(...bytes, length));
  else putOption(out, IF_IPV4, Uint8Array.of(...bytes, ...addressBytes(mask)));
}

/** Names for addresses, to be shown in their place. */
export function putNames(out: Writer, names: Iterable<readonly [Address, string]>): void {
  const at = begin(out, NAME_RESOLUTION);
  for (const [address, name] of names) {
    const bytes = addressBytes(address);
    const text = encoder.encode(name);
    if (text.length === 0 || bytes.length + text.length + 1 > LONGEST_VALUE) continue;
    out.u16(address.family === 4 ? NRB_IPV4 : NRB_IPV6).u16(bytes.length + text.length + 1);
    out.bytes(bytes).bytes(text).u8(0).pad4();
  }
  out.u16(0).u16(0); // nrb_record_end
  end(out, at);
}

export interface EnhancedPacket {
  readonly interface: number;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly bytes: Uint8Array;
  readonly length: number;
  /** The flags word: see `flags.ts`. */
  readonly flags: number;
}

/** Everything of an enhanced packet block but the packet: its head, the option of flags, the end of options, its tail. */
const AROUND_PACKET = 28 + 8 + 4 + 4;

export function putPacket(out: Writer, { interface: id, at, bytes, length, flags }: EnhancedPacket): void {
  const size = AROUND_PACKET + align4(bytes.length);
  out.u32(ENHANCED_PACKET).u32(size).u32(id);
  out.u32(Number(at >> 32n)).u32(Number(at & 0xffffffffn));
  out.u32(bytes.length).u32(length).bytes(bytes).pad4();
  out.u16(EPB_FLAGS).u16(4).u32(flags);
  endOptions(out).u32(size);
}

export interface InterfaceStatistics {
  readonly interface: number;
  /** Nanoseconds since the epoch: of the first that was listened to, and of these counts. */
  readonly began: bigint;
  readonly at: bigint;
  readonly received: number;
  /** For want of room. */
  readonly dropped: number;
}

/** How long the block of statistics is: always the same. */
export const STATISTICS_SIZE = 20 + 4 * 12 + 4 + 4;

export function putStatistics(out: Writer, told: InterfaceStatistics): void {
  const at = begin(out, INTERFACE_STATISTICS);
  out.u32(told.interface);
  putTime(out, told.at);
  putTime(out.u16(ISB_START).u16(8), told.began);
  putTime(out.u16(ISB_END).u16(8), told.at);
  putCount(out.u16(ISB_RECEIVED).u16(8), told.received);
  putCount(out.u16(ISB_DROPPED).u16(8), told.dropped);
  end(endOptions(out), at);
}

/** The high word first, whatever the order of bytes. */
const putTime = (out: Writer, at: bigint): Writer => out.u32(Number(at >> 32n)).u32(Number(at & 0xffffffffn));

/** A number of 64 bits, in the section's order of bytes. */
function putCount(out: Writer, count: number): Writer {
  return out.bytes(new Uint8Array(BigUint64Array.of(BigInt(count)).buffer));
}
