/** Answers of our own, RFC 1035 section 4.1 and RFC 6891, written straight into the memory that they are sent from. */
import { CLASS_IN, HEADER, QR, QUESTION_NAME, type Query, RA, RD, TC, Type, UDP_SIZE } from "./message.ts";

/** Names change with containers: nobody keeps an answer. */
const TTL = 0;
/** What we take over UDP, and the most that we send: a page, which `lo` carries whole. */
export const OUR_UDP_SIZE = 4096;

const RECORD = 12;
const OPT = 11;

export interface Response {
  /** Of 12 bits with EDNS, of 4 without. */
  readonly rcode: number;
  /** Of the record data: all are about the name and of the type that was asked for, unless they tell their own. */
  readonly records: readonly ResponseRecord[];
}

export interface ResponseRecord {
  readonly type: number;
  readonly data: Uint8Array;
}

/** How many bytes an answer to `query` may have. */
export const udpLimit = ({ edns }: Query): number =>
  edns ? Math.min(Math.max(edns.size, UDP_SIZE), OUR_UDP_SIZE) : UDP_SIZE;

/**
 * Write the answer to `message`, which `query` was read from, into `out`, at most `limit` bytes: records that have no
 * room are left out, and TC says so. The first record is `first`, those before it come last.
 * @returns its length
 */
export function writeResponse(
  out: Buffer,
  message: Buffer,
  query: Query,
  response: Response,
  limit: number,
  first = 0,
): number {
  const { records, rcode } = response;
  message.copy(out, HEADER, HEADER, query.end);
  const room = limit - (query.edns ? OPT : 0);
  let at = query.end;
  let written = 0;
  for (; written < records.length; written += 1) {
    const record = records[(first + written) % records.length];
    if (!record || at + RECORD + record.data.length > room) break;
    at = writeRecord(out, at, record);
  }
  const flags =
    QR |
    (query.opcode << 11) |
    (written < records.length ? TC : 0) |
    (query.recursionDesired ? RD : 0) |
    RA |
    (rcode & 0xf);
  u16(out, 0, query.id);
  u16(out, 2, flags);
  u16(out, 4, 1);
  u16(out, 6, written);
  u16(out, 8, 0);
  u16(out, 10, query.edns ? 1 : 0);
  return query.edns ? writeOpt(out, at, rcode, query.edns.dnssecOk) : at;
}

function writeRecord(out: Buffer, at: number, { type, data }: ResponseRecord): number {
  u16(out, at, QUESTION_NAME);
  u16(out, at + 2, type);
  u16(out, at + 4, CLASS_IN);
  u16(out, at + 6, TTL);
  u16(out, at + 8, TTL);
  u16(out, at + 10, data.length);
  out.set(data, at + RECORD);
  return at + RECORD + data.length;
}

/** Name: the root; class: our size; TTL: high bits of the rcode, version 0, DO as it was asked; no options. */
function writeOpt(out: Buffer, at: number, rcode: number, dnssecOk: boolean): number {
  out[at] = 0;
  u16(out, at + 1, Type.OPT);
  u16(out, at + 3, OUR_UDP_SIZE);
  out[at + 5] = rcode >> 4;
  out[at + 6] = 0;
  u16(out, at + 7, dnssecOk ? 0x8000 : 0);
  u16(out, at + 9, 0);
  return at + OPT;
}

function u16(out: Buffer, at: number, value: number): void {
  out[at] = value >> 8;
  out[at + 1] = value & 0xff;
}
