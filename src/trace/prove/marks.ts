/**
 * How the probe is known wherever it is met: four bytes that nobody else sends. Translation changes addresses and ports and
 * leaves them as they are; answers and errors carry them back.
 */
import type { Family } from "../../lib/ip.ts";
import { PROTOCOL } from "../../lib/protocols.ts";
import { matches, type Pattern } from "../../linux/bpf/pattern.ts";
import { be16, be32 } from "../packet/network-order.ts";
import type { Packet } from "../packet/types.ts";
import type { Protocol } from "../types.ts";

export type Direction = "there" | "back";

export interface Marks {
  /** The probe itself, the answer of its peer, an error about it. All three, in the order in which they are compared. */
  readonly all: readonly Pattern[];
  readonly there: readonly Pattern[];
  readonly answers: readonly Pattern[];
  readonly errors: readonly Pattern[];
}

export interface ProbeNumbers {
  readonly protocol: Protocol;
  readonly family: Family;
  /** Of TCP the sequence number, else the first bytes behind the header; of DNS the identifier and flags of a query. */
  readonly magic: Uint8Array;
  /** Of ICMP: the word of identifier and sequence number. */
  readonly echo: Uint8Array;
  readonly sourcePort: number;
  readonly port: number;
  /** Bytes of data of a TCP segment: a reset acknowledges them, an acceptance does not. */
  readonly carried?: number;
  /** A question to a name server, of which answers repeat the beginning. */
  readonly question?: Uint8Array;
}

const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
/** An error's own header, and the quoted packet's IP header, which has no options. */
const QUOTED_AT = { 4: 8 + 20, 6: 8 + 40 } as const;
const DNS_HEADER = 12;

const field = (offset: number, bytes: ArrayLike<number>) => ({ offset, bytes: Uint8Array.from(bytes) });

export function marksOf(numbers: ProbeNumbers): Marks {
  const { there, answers } = ends(numbers);
  const errors = quotes(numbers);
  return { all: [...there, ...answers, ...errors], there, answers, errors };
}

function ends(numbers: ProbeNumbers): Pick<Marks, "there" | "answers"> {
  const { protocol, family, magic, sourcePort, question, carried = 0 } = numbers;
  if (protocol === "tcp") {
    const next = new DataView(magic.buffer, magic.byteOffset).getUint32(0) + 1;
    const acknowledged = [...new Set([next, next + carried])].map((number) => be32(number >>> 0));
    return {
      there: [{ protocol: PROTOCOL.tcp, fields: [field(4, magic)] }],
      answers: acknowledged.map((bytes) => ({ protocol: PROTOCOL.tcp, fields: [field(8, bytes)] })),
    };
  }
  if (protocol === "icmp") {
    const echo = (type: number): Pattern => ({
      protocol: family === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6,
      fields: [field(0, [type]), field(8, magic)],
    });
    return { there: [echo(ECHO[family].request)], answers: [echo(ECHO[family].reply)] };
  }
  const udp = (...fields: Pattern["fields"]): Pattern => ({ protocol: PROTOCOL.udp, fields });
  const toSender = udp(field(2, be16(sourcePort)));
  if (!question) return { there: [udp(field(8, magic))], answers: [toSender] };
  const asked = field(8 + DNS_HEADER, question.subarray(0, 4));
  const answer = udp(field(8, magic.subarray(0, 2)), asked);
  return { there: [udp(field(8, magic), asked)], answers: [answer, toSender] };
}

/**
 * Unreachable, time exceeded, parameter problem. A redirect quotes a packet as well, and says that it was sent on; IPv6's
 * has its quotation elsewhere.
 */
const ERRORS = { 4: [3, 11, 12], 6: [undefined] } as const;

/** Routers quote at least eight bytes of what they could not deliver (RFC 792), Linux as many as fit. */
function quotes({ protocol, family, magic, echo, sourcePort, port }: ProbeNumbers): Pattern[] {
  const at = QUOTED_AT[family];
  const icmp = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6;
  const short =
    protocol === "tcp"
      ? field(4, magic)
      : protocol === "icmp"
        ? field(4, echo)
        : field(0, [...be16(sourcePort), ...be16(port)]);
  const long = protocol === "tcp" ? [] : [field(8, magic)];
  // An error about an echo's answer says nothing of the question, of which that repeats the numbers.
  const asked = protocol === "icmp" ? [field(at, [ECHO[family].request])] : [];
  return [...long, short].flatMap(({ offset, bytes }) =>
    ERRORS[family].map((type) => ({
      protocol: icmp,
      fields: [...(type === undefined ? [] : [field(0, [type])]), ...asked, field(at + offset, bytes)],
    })),
  );
}

export type Meaning = "probe" | "answer" | "error";

/** What a packet is to the probe; undefined for what is none of its business. */
export function meaningOf(marks: Marks, { bytes, transport, protocol }: Packet): Meaning | undefined {
  if (transport === undefined || protocol === undefined) return undefined;
  return meaningOfSegment(marks, protocol, bytes.subarray(transport));
}

/** The same by what lies from the transport header on. */
export function meaningOfSegment(marks: Marks, protocol: number, segment: Uint8Array): Meaning | undefined {
  const found = marks.all.findIndex((pattern) => matches(pattern, protocol, segment));
  return found < 0 ? undefined : meaningAt(marks, found);
}

/** The same by a beginning of that, which may end before all of a pattern is told: what is told has to match. */
export function meaningOfBeginning(
  marks: Marks,
  protocol: number,
  beginning: Uint8Array,
): Meaning | undefined {
  const told = ({ fields, ...pattern }: Pattern): Pattern => ({
    ...pattern,
    fields: fields.filter(({ offset, bytes }) => offset + bytes.length <= beginning.length),
  });
  const found = marks.all
    .map(told)
    .findIndex((pattern) => pattern.fields.length > 0 && matches(pattern, protocol, beginning));
  return found < 0 ? undefined : meaningAt(marks, found);
}

/** The same by its number among all patterns. */
export function meaningAt({ there, answers }: Marks, index: number): Meaning {
  if (index < there.length) return "probe";
  return index < there.length + answers.length ? "answer" : "error";
}

export const directionOf = (meaning: Meaning): Direction => (meaning === "probe" ? "there" : "back");
