/** DNS, RFC 1035: what is asked, and what is answered. Names of it may hold any byte. */
import { addressFromBytes, formatAddress } from "../../lib/ip.ts";
import { viewOf } from "../../linux/bytes.ts";
import { CUT, nameFor, printable } from "./text.ts";

const HEADER = 12;
const [ANSWER_BIT, TRUNCATED_BIT] = [0x8000, 0x0200];
const POINTER = 0xc0;
/** A name has 255 bytes at most, so this many pointers lead in a circle. */
const MOST_POINTERS = 128;
/** Of a message, so many records are shown. */
const MOST_ANSWERS = 8;
const CODES: Readonly<Record<number, string>> = {
  1: "FORMERR",
  2: "SERVFAIL",
  3: "NXDOMAIN",
  4: "NOTIMP",
  5: "REFUSED",
};
const TYPES: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  41: "OPT",
  64: "SVCB",
  65: "HTTPS",
  255: "ANY",
};
const [A, NS, CNAME, PTR, AAAA] = [1, 2, 5, 12, 28];

interface Name {
  readonly text: string;
  /** Where what follows it begins. */
  readonly end: number;
}

/** Undefined where it is cut short, or runs in a circle. */
function nameAt(bytes: Uint8Array, start: number): Name | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let pointers = 0;
  for (let at = start; ; ) {
    const size = bytes[at];
    if (size === undefined) return undefined;
    if (size === 0) return { text: labels.join(".") || ".", end: end ?? at + 1 };
    if (size < POINTER) {
      if (size > 63 || at + 1 + size > bytes.length || labels.length > MOST_POINTERS) return undefined;
      labels.push(printable(bytes.subarray(at + 1, at + 1 + size)));
      at += 1 + size;
      continue;
    }
    const low = bytes[at + 1];
    pointers += 1;
    if (low === undefined || pointers > MOST_POINTERS) return undefined;
    end ??= at + 2;
    at = (size & 0x3f) * 256 + low;
  }
}

const typeName = (type: number): string => nameFor(TYPES, type, "type");

/** `A 172.17.0.3`; undefined where it is cut short. */
function recordAt(bytes: Uint8Array, start: number): Name | undefined {
  const owner = nameAt(bytes, start);
  if (!owner || owner.end + 10 > bytes.length) return undefined;
  const view = viewOf(bytes);
  const type = view.getUint16(owner.end);
  const at = owner.end + 10;
  const end = at + view.getUint16(owner.end + 8);
  if (end > bytes.length) return undefined;
  const data = bytes.subarray(at, end);
  if ((type === A && data.length === 4) || (type === AAAA && data.length === 16)) {
    return { text: `${typeName(type)} ${formatAddress(addressFromBytes(data))}`, end };
  }
  const names = type === NS || type === CNAME || type === PTR;
  return { text: names ? `${typeName(type)} ${nameAt(bytes, at)?.text ?? CUT}` : typeName(type), end };
}

/**
 * `DNS query 6699 A? db`, `DNS answer 6699 A? db: A 172.17.0.3`, `DNS answer 6699 A? dbb: NXDOMAIN`. The number is the
 * message's own: an answer has its question's.
 */
export function describeDns(bytes: Uint8Array): string {
  if (bytes.length < HEADER) return `DNS ${CUT}`;
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  const kind = flags & ANSWER_BIT ? "answer" : "query";
  const start = `DNS ${kind} ${view.getUint16(0)}`;
  const question = view.getUint16(4) > 0 ? nameAt(bytes, HEADER) : { text: "", end: HEADER };
  if (!question || (question.text !== "" && question.end + 4 > bytes.length)) return `${start} ${CUT}`;
  const asked = question.text === "" ? "" : ` ${typeName(view.getUint16(question.end))}? ${question.text}`;
  if (kind === "query") return start + asked;
  const code = flags & 0xf;
  const records = code === 0 ? answersOf(bytes, question.end + (asked ? 4 : 0), view.getUint16(6)) : [];
  const said = code === 0 ? records.join(", ") || "nothing" : nameFor(CODES, code, "error");
  return `${start}${asked}: ${said}${flags & TRUNCATED_BIT ? ", the rest by TCP" : ""}`;
}

function answersOf(bytes: Uint8Array, start: number, count: number): readonly string[] {
  const found: string[] = [];
  let at = start;
  for (let i = 0; i < count; i += 1) {
    if (i === MOST_ANSWERS) return [...found, `and ${count - i} more`];
    const record = recordAt(bytes, at);
    if (!record) return [...found, CUT];
    found.push(record.text);
    at = record.end;
  }
  return found;
}
