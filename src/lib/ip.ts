import { invalid } from "./errors.ts";
import type { Brand } from "./ids.ts";

/** IPv4 or IPv6. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** An IP address: its bits as an unsigned number of 32 or 128 bits. Plain data, so it crosses threads. */
export interface Address {
  readonly family: Family;
  readonly bits: bigint;
}

/** An address with a prefix length: an interface address (host bits kept) or a subnet (host bits zero). */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** Six bytes as lower-case hex pairs: `02:42:ac:11:00:02`. */
export type Mac = Brand<"Mac">;

const WIDTH = { 4: 32, 6: 128 } as const;

/** How many bits an address of this family has. */
export const widthOf = (family: Family): 32 | 128 => WIDTH[family];

function parse4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let bits = 0n;
  for (const part of parts) {
    // No leading zeros: other programs read 010 as octal.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function parse6(text: string): bigint | undefined {
  let body = text;
  let tail: string[] = [];
  const dotted = body.lastIndexOf(":") + 1;
  if (body.includes(".")) {
    const four = parse4(body.slice(dotted));
    if (four === undefined || dotted === 0) return undefined;
    tail = [(four >> 16n).toString(16), (four & 0xffffn).toString(16)];
    body = body.slice(0, dotted);
    // "a:b:" + four: the colon belongs to the four, unless it ends a "::".
    if (!body.endsWith("::")) body = body.slice(0, -1);
  }
  const halves = body.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined) => (half ? half.split(":") : []);
  const head = groups(halves[0]);
  const rest = halves.length === 2 ? [...groups(halves[1]), ...tail] : [];
  const before = halves.length === 2 ? head : [...head, ...tail];
  const missing = 8 - before.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...before, ...Array<string>(missing).fill("0"), ...rest];
  let bits = 0n;
  for (const group of all) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    bits = (bits << 16n) | BigInt(`0x${group}`);
  }
  return bits;
}

/** The address that `text` writes, or undefined where it writes none. No zone, no prefix. */
export function tryParseAddress(text: string): Address | undefined {
  const four = parse4(text);
  if (four !== undefined) return { family: 4, bits: four };
  const six = parse6(text);
  return six === undefined ? undefined : { family: 6, bits: six };
}

/** @throws invalid */
export function parseAddress(text: string): Address {
  const address = tryParseAddress(text);
  if (!address) throw invalid(`invalid IP address: ${text}`);
  return address;
}

/** `172.17.0.2`, or the canonical form of RFC 5952: lower case, the longest run of zeros as `::`. */
export function formatAddress(address: Address): string {
  if (address.family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => (address.bits >> shift) & 0xffn).join(".");
  }
  const groups = Array.from({ length: 8 }, (_, i) => (address.bits >> BigInt(112 - 16 * i)) & 0xffffn);
  let best = { start: -1, length: 1 }; // a single zero group is not shortened
  for (let i = 0; i < 8; i += 1) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0n) length += 1;
    if (length > best.length) best = { start: i, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}

/** Four or sixteen bytes in network order. */
export function addressBytes(address: Address): Uint8Array {
  const size = WIDTH[address.family] / 8;
  const bytes = new Uint8Array(size);
  for (let i = 0, bits = address.bits; i < size; i += 1, bits >>= 8n) {
    bytes[size - 1 - i] = Number(bits & 0xffn);
  }
  return bytes;
}

/** @throws invalid for any length but 4 and 16 */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw invalid(`an address has 4 or 16 bytes, not ${bytes.length}`);
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? 4 : 6, bits };
}

/** `address/length`, host bits kept. @throws invalid */
export function parsePrefix(text: string): Prefix {
  const [address, length, ...more] = text.split("/");
  const parsed = tryParseAddress(address ?? "");
  if (
    !parsed ||
    more.length > 0 ||
    !/^(0|[1-9]\d{0,2})$/.test(length ?? "") ||
    Number(length) > WIDTH[parsed.family]
  ) {
    throw invalid(`invalid CIDR address: ${text}`);
  }
  return { address: parsed, length: Number(length) };
}

export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix.address)}/${prefix.length}`;

const hostMask = (prefix: Prefix): bigint =>
  (1n << BigInt(WIDTH[prefix.address.family] - prefix.length)) - 1n;

/** The same prefix with its host bits zero. */
export function subnetOf(prefix: Prefix): Prefix {
  return { address: firstOf(prefix), length: prefix.length };
}

/** The lowest address of the prefix: an IPv4 subnet's own name. */
export function firstOf(prefix: Prefix): Address {
  return { family: prefix.address.family, bits: prefix.address.bits & ~hostMask(prefix) };
}

/** The highest address of the prefix: an IPv4 subnet's broadcast. */
export function lastOf(prefix: Prefix): Address {
  return { family: prefix.address.family, bits: prefix.address.bits | hostMask(prefix) };
}

export function contains(prefix: Prefix, address: Address): boolean {
  return (
    prefix.address.family === address.family &&
    firstOf({ address, length: prefix.length }).bits === firstOf(prefix).bits
  );
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b.address) : contains(b, a.address);
}

/** The address `by` further on (or back). @throws invalid past either end of the family */
export function offset(address: Address, by: bigint): Address {
  const bits = address.bits + by;
  if (bits < 0n || bits >> BigInt(WIDTH[address.family]) !== 0n) {
    throw invalid(`no address ${by} away from ${formatAddress(address)}`);
  }
  return { family: address.family, bits };
}

export const sameAddress = (a: Address, b: Address): boolean => a.family === b.family && a.bits === b.bits;

/** Six pairs of hex digits, by colons or dashes. @throws invalid, also for what can't be an interface's: a group (multicast) address, all zeros */
export function parseMac(text: string): Mac {
  if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) throw invalid(`invalid MAC address: ${text}`);
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (Number.parseInt(mac.slice(0, 2), 16) & 1)
    throw invalid(`invalid MAC address: ${text}: a group address`);
  if (/^[0:]+$/.test(mac)) throw invalid(`invalid MAC address: ${text}: all zeros`);
  return mac as Mac;
}

export const macBytes = (mac: Mac): Uint8Array =>
  Uint8Array.from(mac.split(":"), (pair) => Number.parseInt(pair, 16));

export const macFromBytes = (bytes: Uint8Array): Mac =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") as Mac;

/** `02:42` and the four bytes of the address: stable, locally administered, and readable. */
export function macOf(address: Address): Mac {
  return macFromBytes(Uint8Array.of(0x02, 0x42, ...addressBytes(address).slice(-4)));
}
