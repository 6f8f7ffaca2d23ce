/** Prefixes as two unions nf_inet_addr, an address and a mask. */
import { addressFromBytes, type Family, widthOf } from "../../../../lib/ip.ts";
import type { Options } from "../options.ts";

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
  const width = widthOf(family);
  const { bits } = addressFromBytes(mask.subarray(0, width / 8));
  const zero = bits.toString(2).padStart(width, "0").indexOf("0");
  return zero < 0 ? width : zero;
}

/** The address with its host bits zero, and the mask. @throws invalid */
export function inetPrefix(options: Options, text: string, family: Family): [Uint8Array, Uint8Array] {
  const [address = "", given] = text.split("/");
  const length = given === undefined ? widthOf(family) : options.number(given, widthOf(family));
  const mask = maskOf(length);
  return [padded(options.address(address, family)).map((byte, i) => byte & (mask[i] ?? 0)), mask];
}
