/** A question of DNS and what is answered, RFC 1035 section 4: addresses of one name. What is read here came from anybody. */
import { type Address, addressFromBytes, type Family } from "./ip.ts";

const HEADER = 12;
const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const CLASS_IN = 1;
const TYPES = { 4: 1, 6: 28 } as const; // A, AAAA
const LABEL_MOST = 63;
const NAME_MOST = 253;
const POINTER = 0xc0;

export interface DnsAnswer {
  readonly id: number;
  /** RCODE: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly code: number;
  readonly addresses: readonly Address[];
}

/** Whether DNS could have such a name at all: no top-level domain is a number (RFC 3696, section 2), as in `300.1.1.1`. */
export const isName = (name: string): boolean => {
  const labels = name.replace(/\.$/, "").split(".");
  return (
    name.length <= NAME_MOST &&
    labels.every((label) => label.length <= LABEL_MOST && /^[\w-]+$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
};

/**
 * With recursion desired.
 * @param id 16 bits, which the answer has too
 * @throws RangeError for a label longer than 63 bytes: none is in what `isName`
 */
export function encodeQuestion(id: number, name: string, family: Family): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  const long = labels.find(({ length }) => length > LABEL_MOST);
  if (long !== undefined) throw new RangeError(`a label of ${long.length} bytes in ${name}`);
  const question = labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]);
  return Uint8Array.from([
    ...[id >> 8, id & 0xff],
    ...[RECURSION_DESIRED >> 8, RECURSION_DESIRED & 0xff],
    ...[0, 1, 0, 0, 0, 0, 0, 0], // one question
    ...question,
    ...[0, 0, TYPES[family], 0, CLASS_IN],
  ]);
}

/** @returns undefined for what is no whole answer */
export function decodeAnswer(bytes: Uint8Array): DnsAnswer | undefined {
  try {
    return readAnswer(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** @throws RangeError past its end */
function readAnswer(bytes: Uint8Array, view: DataView): DnsAnswer | undefined {
  const flags = view.getUint16(2);
  if ((flags & RESPONSE) === 0) return undefined;
  let at = HEADER;
  for (let questions = view.getUint16(4); questions > 0; questions -= 1) at = endOfName(view, at) + 4;
  const addresses: Address[] = [];
  for (let answers = view.getUint16(6); answers > 0; answers -= 1) {
    // name, type, class, TTL (32 bits), length of data, data
    at = endOfName(view, at);
    const type = view.getUint16(at);
    const size = view.getUint16(at + 8);
    const data = bytes.subarray(at + 10, at + 10 + size);
    if (data.length < size) return undefined;
    if ((type === TYPES[4] && size === 4) || (type === TYPES[6] && size === 16)) {
      addresses.push(addressFromBytes(data));
    }
    at += 10 + size;
  }
  return { id: view.getUint16(0), code: flags & 0xf, addresses };
}

/** Where the name that begins at `at` has ended: after its zero, or its first pointer. */
function endOfName(view: DataView, at: number): number {
  for (let next = at; ; ) {
    const length = view.getUint8(next);
    if (length === 0) return next + 1;
    if (length >= POINTER) return next + 2;
    next += length + 1;
  }
}
