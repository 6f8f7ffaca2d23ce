/** Messages as the kernel writes them. */
import { addressBytes, parseAddress } from "../../../src/lib/ip.ts";
import { Writer } from "../../../src/linux/bytes.ts";
import { put, putBytes } from "../../../src/linux/netlink/attribute.ts";

export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

export const MAC = Uint8Array.of(0x02, 0x42, 0xac, 0x11, 0x00, 0x0a);

/** A message of one kind, and what is to be read of it. */
export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly read: (payload: Uint8Array) => unknown;
  readonly expected: unknown;
}

export const written = (write: (to: Writer) => void): Uint8Array => {
  const to = new Writer(64);
  write(to);
  return to.written().slice();
};

export const putIp = (to: Writer, type: number, text: string) =>
  putBytes(to, type, addressBytes(parseAddress(text)));
export const putU8 = (to: Writer, type: number, value: number) => put(to, type, () => to.u8(value));
export const putU16 = (to: Writer, type: number, value: number) => put(to, type, () => to.u16(value));
export const putBe16 = (to: Writer, type: number, value: number) => put(to, type, () => to.be16(value));

export function putNumbers(to: Writer, values: readonly number[]): void {
  for (const value of values) to.u32(value);
}
