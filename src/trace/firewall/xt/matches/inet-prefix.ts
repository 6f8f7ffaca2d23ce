/** Prefixes as two unions nf_inet_addr, an address and a mask. */
import { addressFromBytes, type Family, widthOf } from "../../../../lib/ip.ts";
import type { Options } from "../options.ts";
import { inet } from "../words.ts";

/** Sixteen bytes, of which an IPv4 address takes the first four. */
export function padded(bytes: Uint8Array): Uint8Array {
  const union = new Uint8Array(16);
  union.set(bytes.subarray(0, 16));
  return union;
}

/** `length` ones. */
export function maskOf(length: number): Uint8Array {
  return Uint8Array.from(
    { length: 16 },
    (_, i) => (0xff00 >> Math.min(Math.max(length - 8 * i, 0), 8)) & 0xff,
  );
}

/** How many ones a mask begins with. */
export function lengthOfMask(mask: Uint8Array, family: Family): number {
  const zero = onesOf(mask, family).indexOf("0");
  return zero < 0 ? widthOf(family) : zero;
}

const onesOf = (mask: Uint8Array, family: Family): string =>
  addressFromBytes(mask.subarray(0, widthOf(family) / 8))
    .bits.toString(2)
    .padStart(widthOf(family), "0");

/** `10.0.0.0/8`; an address alone where the mask is all ones; `10.0.0.1/255.0.0.255` where it is no prefix's. */
export function inetPrefixText(address: Uint8Array, mask: Uint8Array, family: Family): string {
  const length = lengthOfMask(mask, family);
  if (length === widthOf(family)) return inet(address, family);
  const plain = !onesOf(mask, family).slice(length).includes("1");
  return `${inet(address, family)}/${plain ? length : inet(mask, family)}`;
}

/** The address with its host bits zero, and the mask. @throws invalid */
export function inetPrefix(options: Options, text: string, family: Family): [Uint8Array, Uint8Array] {
  const [address = "", given] = text.split("/");
  const mask = given === undefined ? maskOf(128) : parseMask(options, given, family);
  return [padded(options.address(address, family)).map((byte, i) => byte & (mask[i] ?? 0)), mask];
}

const parseMask = (options: Options, text: string, family: Family): Uint8Array =>
  /^\d+$/.test(text) ? maskOf(options.number(text, widthOf(family))) : padded(options.address(text, family));
