/** Pieces of iptables-save(8)'s words. */
import { addressFromBytes, type Family, formatAddress } from "../../../lib/ip.ts";

/** `! --dport 80`, or `--dport 80`. */
export const option = (name: string, not: boolean, ...values: readonly (string | number)[]): string[] => [
  ...(not ? ["!"] : []),
  `--${name}`,
  ...values.map(String),
];

/** `80`, or `80:90`. */
export const range = (low: number, high: number, separator = ":"): string =>
  low === high ? `${low}` : `${low}${separator}${high}`;

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** `0x1`, or `0x1/0xff` where not all bits count. */
export const masked = (value: number, mask: number, all = 0xffffffff): string =>
  mask === all ? hex(value) : `${hex(value)}/${hex(mask)}`;

/** Of a union nf_inet_addr. */
export const inet = (bytes: Uint8Array, family: Family): string =>
  formatAddress(addressFromBytes(bytes.subarray(0, family === 4 ? 4 : 16)));

/** As iptables-save(8) quotes: all but letters, digits, `_` and `-`. */
export function quoted(text: string): string {
  if (text !== "" && !/[^\w-]/.test(text)) return text;
  return `"${text.replace(/["\\']/g, "\\$&")}"`;
}
