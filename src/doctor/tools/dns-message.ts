/** A DNS query and what came back, RFC 1035 section 4: as much as it takes to know whether a server serves. */
import { type Address, addressFromBytes } from "../../lib/ip.ts";

const HEADER = 12;
const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const [A, AAAA] = [1, 28] as const;
const CLASS_IN = 1;

/** @throws RangeError for a label that is empty or longer than 63 bytes */
export function encodeQuery(id: number, name: string): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  const bytes = Buffer.alloc(HEADER + labels.reduce((size, label) => size + 1 + label.length, 1) + 4);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(RECURSION_DESIRED, 2);
  bytes.writeUInt16BE(1, 4);
  let at = HEADER;
  for (const label of labels) {
    if (label.length > 63) throw new RangeError(`a label of ${label.length} bytes in ${name}`);
    at = bytes.writeUInt8(label.length, at);
    at += bytes.write(label, at, "latin1");
  }
  at = bytes.writeUInt8(0, at);
  at = bytes.writeUInt16BE(A, at);
  bytes.writeUInt16BE(CLASS_IN, at);
  return bytes;
}

/** The code and the addresses of an answer to the query of that id; undefined for what is none. Read with care: it came from anybody. */
export function decodeAnswer(
  message: Uint8Array,
  id: number,
): { readonly code: number; readonly addresses: readonly Address[] } | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  if (bytes.length < HEADER || bytes.readUInt16BE(0) !== id) return undefined;
  const flags = bytes.readUInt16BE(2);
  if (!(flags & RESPONSE)) return undefined;
  const addresses: Address[] = [];
  let at = HEADER;
  for (let left = bytes.readUInt16BE(4); left > 0; left -= 1) at = skipName(bytes, at) + 4;
  for (let left = bytes.readUInt16BE(6); left > 0; left -= 1) {
    at = skipName(bytes, at);
    if (at + 10 > bytes.length) break;
    const type = bytes.readUInt16BE(at);
    const size = bytes.readUInt16BE(at + 8);
    const data = bytes.subarray(at + 10, at + 10 + size);
    if ((type === A && data.length === 4) || (type === AAAA && data.length === 16))
      addresses.push(addressFromBytes(data));
    at += 10 + size;
  }
  return { code: flags & 0x000f, addresses };
}

/** What follows a name; beyond the end where it does not end. */
function skipName(bytes: Buffer, start: number): number {
  for (let at = start; ; ) {
    const size = bytes[at];
    if (size === undefined) return bytes.length;
    if (size >= 0xc0) return at + 2;
    if (size === 0) return at + 1;
    at += 1 + size;
  }
}
