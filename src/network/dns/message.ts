/**
 * DNS messages, RFC 1035 section 4, with the OPT record of RFC 6891. What is read here came from anybody.
 *
 *   0  id
 *   2  QR(1) opcode(4) AA TC RD | RA Z AD CD rcode(4)
 *   4  counts of questions, answers, authorities, additionals
 *  12  questions: name, type, class
 *      records: name, type, class, TTL (32 bits), length of data, data
 */

export const HEADER = 12;
export const QR = 0x8000;
export const TC = 0x0200;
export const RD = 0x0100;
export const RA = 0x0080;
const OPCODE = 0x7800;
const RCODE = 0x000f;

export const Type = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export const Rcode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
/** They say nothing about a name. */
const FAILURES: ReadonlySet<number> = new Set([Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED]);

/** Bytes that a message over UDP may have where its asker says nothing else. */
export const UDP_SIZE = 512;
/** Over TCP: its length is told in 16 bits. */
export const TCP_SIZE = 65535;

/** A pointer to the name of the question, which follows the header. */
export const QUESTION_NAME = 0xc000 | HEADER;

const NAME_LIMIT = 255;
const DOT = 0x2e;

export interface Edns {
  /** Bytes that the asker takes over UDP. */
  readonly size: number;
  readonly version: number;
  /** DO: it understands signatures. */
  readonly dnssecOk: boolean;
}

/** A query for one thing, as all are. */
export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** As `nameKey` makes them; `""` is the root. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Offset of what follows the question. */
  readonly end: number;
  readonly edns: Edns | undefined;
}

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

export const messageId = (message: Uint8Array): number => u16(message, 0);
const flagsOf = (message: Uint8Array): number => u16(message, 2);
export const rcodeOf = (message: Uint8Array): number => flagsOf(message) & RCODE;

export function setMessageId(message: Uint8Array, id: number): void {
  message[0] = id >> 8;
  message[1] = id & 0xff;
}

/** Names are put together here; nothing else runs meanwhile. */
const letters = Buffer.alloc(NAME_LIMIT);

/** The first `length` bytes as a query, or undefined where they are not a whole and sound one. */
export function readQuery(message: Buffer, length: number): Query | undefined {
  if (length < HEADER + 5 || u16(message, 4) !== 1) return undefined;
  const flags = flagsOf(message);
  if (flags & QR) return undefined;
  let size = 0;
  let at = HEADER;
  for (;;) {
    const count = message[at] ?? 0;
    at += 1;
    if (count === 0) break;
    // Longer ones are pointers, which a first name has nowhere to point with.
    if (count > 63 || at + count >= length || at + count - HEADER >= NAME_LIMIT) return undefined;
    if (size > 0) letters[size++] = DOT;
    for (const end = at + count; at < end; at += 1) {
      const byte = message[at] ?? 0;
      // A dot inside a label makes no two of it: NUL is in no name of ours.
      letters[size++] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte === DOT ? 0 : byte;
    }
  }
  const end = at + 4;
  if (end > length) return undefined;
  const edns = end === length && u16(message, 10) === 0 ? undefined : readEdns(message, end, length);
  if (edns === "malformed") return undefined;
  return {
    id: messageId(message),
    opcode: (flags & OPCODE) >> 11,
    recursionDesired: (flags & RD) !== 0,
    name: letters.toString("latin1", 0, size),
    type: u16(message, at),
    class: u16(message, at + 2),
    end,
    edns,
  };
}

/** The OPT record among those from `at` on, which must be as many as the header says. */
function readEdns(message: Buffer, start: number, length: number): Edns | undefined | "malformed" {
  const before = u16(message, 6) + u16(message, 8);
  const count = before + u16(message, 10);
  let edns: Edns | undefined;
  let at = start;
  for (let i = 0; i < count; i += 1) {
    const name = at;
    const fields = skipName(message, at, length);
    if (fields === undefined || fields + 10 > length) return "malformed";
    at = fields + 10 + u16(message, fields + 8);
    if (at > length) return "malformed";
    if (i < before || u16(message, fields) !== Type.OPT) continue;
    if (edns || fields !== name + 1) return "malformed";
    edns = {
      size: u16(message, fields + 2),
      version: message[fields + 5] ?? 0,
      dnssecOk: ((message[fields + 6] ?? 0) & 0x80) !== 0,
    };
  }
  return edns;
}

/** Where the name at `start` ends; undefined where it doesn't. */
function skipName(message: Uint8Array, start: number, length: number): number | undefined {
  for (let at = start; at < length; ) {
    const count = message[at] ?? 0;
    if (count === 0) return at + 1;
    if (count >= 0xc0) return at + 2 <= length ? at + 2 : undefined;
    if (count > 63) return undefined;
    at += 1 + count;
  }
  return undefined;
}

/**
 * Whether the first `length` bytes of `answer` answer `query`, whose question ends at `end`: a response of the same
 * opcode to the same question. Letters may differ in case: some servers tell names as they know them. And some say
 * that they failed with a header alone.
 */
export function answers(answer: Uint8Array, length: number, query: Uint8Array, end: number): boolean {
  if (length < HEADER || (flagsOf(answer) & (QR | OPCODE)) !== (QR | (flagsOf(query) & OPCODE))) return false;
  if (u16(answer, 4) === 0) return length === HEADER && FAILURES.has(rcodeOf(answer));
  if (length < end || u16(answer, 4) !== 1) return false;
  // A length of a label is below 64, so it has no case; type and class are compared as they are.
  for (let at = HEADER; at < end - 4; at += 1) {
    if (lower(answer[at] ?? 0) !== lower(query[at] ?? 0)) return false;
  }
  for (let at = end - 4; at < end; at += 1) if (answer[at] !== query[at]) return false;
  return true;
}

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/**
 * `name` as labels, lengths before them, and the root; undefined where a message can't hold it.
 * @param name as `nameKey` makes them
 */
export function encodeName(name: string): Uint8Array | undefined {
  const bytes = Buffer.alloc(name.length + 2);
  if (name === "" || bytes.length > NAME_LIMIT) return undefined;
  let at = 0;
  for (const label of name.split(".")) {
    if (label.length === 0 || label.length > 63) return undefined;
    bytes[at] = label.length;
    bytes.write(label, at + 1, "latin1");
    at += 1 + label.length;
  }
  return bytes;
}
